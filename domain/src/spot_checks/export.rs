//! A spot check as a file, from which anybody can draw the same sample again. Nothing else is needed: no database, no
//! network and no Lifeboat.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::draw::{self, ALGORITHM};
use super::{Draw, Fixed, Population, Record, SpotCheck};
use crate::bundle::SealedEntry;
use crate::canonical::Digest;

/// What the file says that it is.
pub const KIND: &str = "lifeboat spot check";

/// What the bundle calls it.
pub const FILE: &str = "spot-check.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    pub kind: String,
    pub number: String,
    pub algorithm: String,
    pub sample_size: u32,
    pub commitment: Digest,
    pub committed_at: DateTime<Utc>,
    pub population: Option<Fixed>,
    /// In the order in which they were sorted; empty as long as there is no population.
    pub items: Vec<String>,
    pub draw: Option<Draw>,
    pub record: Option<Record>,
    /// Everything else that the ledger says of it, as the API does.
    pub ledger: Value,
}

/// What a repetition of the draw came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    pub ok: bool,
    pub number: String,
    /// As drawn again.
    pub sample: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Export {
    pub fn new(check: &SpotCheck, items: Vec<String>, ledger: Value) -> Self {
        Self {
            kind: KIND.to_owned(),
            number: check.number.clone(),
            algorithm: ALGORITHM.to_owned(),
            sample_size: check.sample_size,
            commitment: check.commitment.clone(),
            committed_at: check.created_at,
            population: check.population.clone(),
            items,
            draw: check.draw.clone(),
            record: check.record.clone(),
            ledger,
        }
    }

    /// Draws again, and says whether the same sample comes out.
    pub fn replay(&self) -> Replayed {
        let (sample, why) = match self.again() {
            Ok(sample) => (sample, None),
            Err(why) => (vec![], Some(why)),
        };
        Replayed { ok: why.is_none(), number: self.number.clone(), sample, why }
    }

    fn again(&self) -> Result<Vec<String>, String> {
        if self.kind != KIND {
            return Err("it is the export of something else".into());
        }
        if self.algorithm != ALGORITHM {
            return Err(format!("it was drawn by {:?}, which is not known here", self.algorithm));
        }
        let (Some(fixed), Some(drawn)) = (&self.population, &self.draw) else {
            return Err("its sample was not drawn yet".into());
        };
        if drawn.seed.commitment() != self.commitment {
            return Err("the seed is not the one that was committed to".into());
        }
        if !self.items.is_sorted() {
            return Err("the population is not in its order".into());
        }
        let population = Population::new(fixed.source.clone(), self.items.clone());
        let population = population.map_err(|_| "the population is none".to_owned())?;
        if population.digest() != fixed.digest || population.items().len() != fixed.size as usize {
            return Err("the population is not the one that was fixed".into());
        }
        let in_order = self.committed_at <= fixed.at && fixed.at <= drawn.at;
        if !in_order {
            return Err("it was not committed to, fixed and drawn in this order".into());
        }
        let sample = draw::sample(&drawn.seed, &population, self.sample_size as usize);
        let stray = self.record.iter().flat_map(|it| &it.results.items);
        if stray.into_iter().any(|it| !sample.contains(&it.id)) {
            return Err("there is a result for something that was not drawn".into());
        }
        match sample == drawn.sample {
            true => Ok(sample),
            false => Err("the seed draws another sample".into()),
        }
    }

    /// Whether the log says the same, and in this order: committed, fixed, drawn.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn fits_log(&self, entries: &[SealedEntry]) -> Result<(), String> {
        let subject = format!("spot-checks/{}", self.number);
        let says = |field: &str, value: &str| {
            let of_it = |it: &&SealedEntry| it.subject == subject && it.details[field] == value;
            entries.iter().find(of_it).map(|it| it.seq)
        };
        let commitment = self.commitment.as_str();
        let committed = says("commitment", commitment)
            .ok_or("the audit log holds no commitment to this seed")?;
        let Some(fixed) = &self.population else { return Ok(()) };
        let fixed = says("population_digest", fixed.digest.as_str())
            .ok_or("the audit log knows no such population")?;
        let Some(drawn) = &self.draw else { return Ok(()) };
        let drawn = says("seed", &String::from(drawn.seed.clone()))
            .ok_or("the audit log knows no draw with this seed")?;
        match committed < fixed && fixed < drawn {
            true => Ok(()),
            false => {
                Err("the audit log has another order of commitment, population and draw".into())
            }
        }
    }
}
