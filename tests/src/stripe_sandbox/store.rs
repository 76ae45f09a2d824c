//! All objects, and a journal of them: one line for each change, the last line of an id counts.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde_json::Value;

#[derive(Debug, Default)]
pub struct Store {
    kinds: BTreeMap<String, Vec<Value>>,
    places: HashMap<String, (String, usize)>,
    journal: Option<File>,
    unwritten: Vec<u8>,
}

impl Store {
    /// With what the file holds, which is written anew so that it does not grow for ever.
    pub fn load(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let mut store = Self::default();
        if path.exists() {
            for line in BufReader::new(File::open(path)?).lines() {
                // A line that a killed process did not finish was told to nobody.
                if let Ok(object) = serde_json::from_str(&line?) {
                    store.put(object);
                }
            }
        }
        store.unwritten.clear();
        let fresh = path.with_extension("new");
        let mut journal = File::create(&fresh)?;
        for object in store.kinds.values().flatten() {
            writeln!(journal, "{object}")?;
        }
        fs::rename(&fresh, path)?;
        store.journal = Some(OpenOptions::new().append(true).open(path)?);
        Ok(store)
    }

    /// Adds or replaces it, by its id. Its kind is what it says of itself (`object`).
    pub fn put(&mut self, object: Value) {
        let kind = object["object"].as_str().unwrap_or_default().to_owned();
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        if self.journal.is_some() {
            self.unwritten.extend(format!("{object}\n").into_bytes());
        }
        let all = self.kinds.entry(kind.clone()).or_default();
        match self.places.get(&id) {
            Some((_, at)) => all[*at] = object,
            None => {
                self.places.insert(id, (kind, all.len()));
                all.push(object);
            }
        }
    }

    pub fn find(&self, id: &str) -> Option<&Value> {
        let (kind, at) = self.places.get(id)?;
        self.kinds.get(kind)?.get(*at)
    }

    /// All of a kind, oldest first.
    pub fn all(&self, kind: &str) -> &[Value] {
        self.kinds.get(kind).map_or(&[], Vec::as_slice)
    }

    pub fn kinds(&self) -> impl Iterator<Item = (&String, &Vec<Value>)> {
        self.kinds.iter()
    }

    /// In one write: of one change all lines are there or none, unless the machine itself dies.
    pub fn write(&mut self) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.write_all(&self.unwritten)?;
        }
        self.unwritten.clear();
        Ok(())
    }
}
