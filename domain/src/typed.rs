//! What somebody typed into the fields of a form, read one by one; each has a fault of its own.

use std::collections::BTreeMap;

use crate::catalog;
use crate::fields::{Fault, Faults};

/// A year, as the longest duration that anything here lasts.
const YEAR_S: u32 = 365 * 24 * 3600;

/// The fields of one form while they are read.
pub struct Typed<'a> {
    fields: &'a BTreeMap<String, String>,
    faults: Faults,
}

impl<'a> Typed<'a> {
    pub fn new(fields: &'a BTreeMap<String, String>) -> Self {
        Self { fields, faults: Faults::default() }
    }

    /// Without space around it; empty where nothing was sent.
    pub fn text(&self, name: &str) -> &'a str {
        self.fields.get(name).map_or("", |it| it.trim())
    }

    pub fn required(&mut self, name: &str) -> String {
        let text = self.text(name);
        if text.is_empty() {
            self.faults.add(name, Fault::Required);
        }
        text.to_owned()
    }

    /// Nothing where nothing was typed.
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|it| !it.is_empty()).map(str::to_owned)
    }

    pub fn number(&mut self, name: &str) -> f64 {
        let text = self.required(name);
        let number = text.parse().ok().filter(|it: &f64| it.is_finite());
        if number.is_none() && !text.is_empty() {
            self.faults.add(name, Fault::NotANumber);
        }
        number.unwrap_or_default()
    }

    /// From 0 to 1.
    pub fn share(&mut self, name: &str) -> f64 {
        let number = self.number(name);
        if !(0.0..=1.0).contains(&number) {
            self.faults.add(name, Fault::OutOfRange { from: 0, to: 1 });
        }
        number
    }

    pub fn whole(&mut self, name: &str, least: u32, most: u32) -> u32 {
        let text = self.required(name);
        if text.is_empty() {
            return least;
        }
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            Ok(_) => {
                let (from, to) = (least.into(), most.into());
                self.faults.add(name, Fault::OutOfRange { from, to });
                least
            }
            Err(_) => {
                self.faults.add(name, Fault::NotWhole);
                least
            }
        }
    }

    pub fn seconds(&mut self, name: &str, least: u32) -> u32 {
        self.whole(name, least, YEAR_S)
    }

    /// Several whole numbers, parted by commas or spaces.
    pub fn wholes(&mut self, name: &str) -> Vec<u32> {
        let numbers: Result<Vec<u32>, _> = self.list(name).iter().map(|it| it.parse()).collect();
        numbers.unwrap_or_else(|_| {
            self.faults.add(name, Fault::NotWhole);
            Vec::new()
        })
    }

    /// Several words, parted by commas, spaces or lines.
    pub fn list(&self, name: &str) -> Vec<String> {
        let parts =
            self.text(name).split(|it: char| it.is_whitespace() || matches!(it, ',' | '，' | '、'));
        parts.filter(|it| !it.is_empty()).map(str::to_owned).collect()
    }

    /// One of the words of an enum; the first of them where it is none, which is a fault.
    pub fn word<T: Copy>(&mut self, name: &str, all: &[T], word: impl Fn(T) -> &'static str) -> T {
        let text = self.text(name);
        all.iter().copied().find(|it| word(*it) == text).unwrap_or_else(|| {
            let words = all.iter().map(|it| word(*it).to_owned()).collect();
            self.faults.add(name, Fault::NotOneOf(words));
            all[0]
        })
    }

    pub fn add(&mut self, name: &str, fault: Fault) {
        self.faults.add(name, fault);
    }

    /// What was read, if every field is sound and `check`, which sees the whole, has nothing against it either.
    ///
    /// # Errors
    /// Every fault there is; what `check` says of a field that has a fault already says nothing new.
    pub fn whole_of<T>(
        mut self,
        value: T,
        check: impl FnOnce(&T, &mut catalog::Faults<'_>),
    ) -> Result<T, Faults> {
        let mut found = Vec::new();
        check(&value, &mut catalog::Faults::of(&mut found));
        for fault in found {
            // Items of a list stand in one field.
            let name = fault.path.split('[').next().unwrap_or_default().to_owned();
            if self.faults.field(&name).is_none() {
                self.faults.add(&name, Fault::Malformed(fault.message));
            }
        }
        self.faults.into_result().map(|()| value)
    }
}
