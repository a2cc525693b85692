//! The words after the name of the program.

use std::collections::VecDeque;

use crate::Result;

pub(crate) struct Arguments(VecDeque<String>);

impl Arguments {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        Self(words.collect())
    }

    /// Takes these words from the front, if all of them are there.
    pub(crate) fn take_words(&mut self, words: &str) -> bool {
        let count = words.split(' ').count();
        let there = self.0.len() >= count && words.split(' ').zip(&self.0).all(|(word, there)| word == there);
        if there {
            self.0.drain(..count);
        }
        there
    }

    /// The number after a word like `--minutes`, wherever it stands.
    pub(crate) fn take_number(&mut self, name: &str) -> Result<Option<u64>> {
        let Some(at) = self.0.iter().position(|word| word == name) else { return Ok(None) };
        self.0.remove(at);
        match self.0.remove(at).and_then(|word| word.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{name} takes a number").into()),
        }
    }

    /// The next word, if there is one.
    pub(crate) fn take(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// The next word, which has to be there.
    pub(crate) fn expect(&mut self, what: &str) -> Result<String> {
        self.take().ok_or_else(|| format!("{what} is missing").into())
    }

    /// All words that are left.
    pub(crate) fn take_rest(&mut self) -> Vec<String> {
        self.0.drain(..).collect()
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(&self) -> Result {
        self.0.front().map_or(Ok(()), |word| Err(format!("{word:?} is not understood").into()))
    }
}
