//! Every word a user reads, in every language. One file per feature: a struct of texts and its [`Each`], so a
//! text that is missing in one language does not compile. Chinese is the first language.
//!
//! A new feature adds a module with `pub struct Texts { … }` and `pub static TEXTS: Each<Texts>`; a page takes it
//! by `texts(&feature::TEXTS)`. What is one word or one function everywhere stands in [`common`].

pub mod alerts;
pub mod attention;
pub mod audit;
pub mod backups;
pub mod calendar;
pub mod clusters;
mod commands;
pub mod common;
pub mod decision_pages;
pub mod decisions;
pub mod drills;
pub mod errors;
mod format;
pub mod gates;
pub mod holidays;
pub mod imports;
pub mod inbox;
pub mod ledger;
pub mod measurements;
pub mod nav;
pub mod objectives;
pub mod objects;
pub mod openings;
pub mod overview;
pub mod people;
pub mod quarters;
pub mod rails;
pub mod readiness;
pub mod releases;
pub mod reports;
pub mod rollback_list;
pub mod rollbacks;
pub mod rollouts;
pub mod runs;
pub mod services;
mod sets;
pub mod sign_in;
pub mod simulator;
pub mod spot_checks;
pub mod statistics;
pub mod trends;
pub mod ui;
pub mod versions;
pub mod windows;
pub mod workloads;

pub use format::{ago, bytes, count, date, duration, number, offset, percent, short_time, time};

words!(
    /// A language the pages speak, as `lang` of the document and of the cookie.
    Lang { Zh = "zh-CN", En = "en" }
);

/// The same thing in every language.
pub struct Each<T> {
    pub zh: T,
    pub en: T,
}

impl<T> Each<T> {
    pub const fn of(&self, lang: Lang) -> &T {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

impl Lang {
    /// The first language of an `Accept-Language` header that we speak; browsers list the best first.
    pub fn accepted(header: &str) -> Option<Self> {
        header.split(',').find_map(|part| {
            match part.trim().get(..2)?.to_ascii_lowercase().as_str() {
                "zh" => Some(Lang::Zh),
                "en" => Some(Lang::En),
                _ => None,
            }
        })
    }

    /// The other one: what a switch between two offers.
    pub const fn other(self) -> Self {
        match self {
            Lang::Zh => Lang::En,
            Lang::En => Lang::Zh,
        }
    }

    /// Its own name, in itself.
    pub const fn name(self) -> &'static str {
        match self {
            Lang::Zh => "中文",
            Lang::En => "English",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lang;

    #[test]
    fn the_first_language_we_speak_wins() {
        for (header, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Lang::Zh)),
            ("fr, en-GB;q=0.7", Some(Lang::En)),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Lang::accepted(header), expected, "{header}");
        }
    }
}
