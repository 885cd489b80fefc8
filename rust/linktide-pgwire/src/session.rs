//! What one connection remembers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::held::Held;
use crate::settings::Settings;
use crate::statement::catalogue_question;
use crate::{Asked, Parameter, Refusal};

/// Cursors of one session at most.
const MOST_CURSORS: usize = 64;

/// A session; its connection is the only one that uses it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) role: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    cursors: HashMap<String, Cursor>,
}

/// An open cursor: a result that is read piece by piece.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    pub(crate) rows: Arc<Held>,
    is_held: bool,
}

impl Session {
    pub(crate) fn new(user: String, role: String) -> Self {
        Self { user, role, state: Mutex::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Return a statement as the engine is asked it.
    pub(crate) fn asks(&self, sql: &str, parameters: Vec<Parameter>) -> Asked {
        let timeout = self.state().settings.timeout();
        let (user, role) = (self.user.clone(), self.role.clone());
        let catalogue_sql = catalogue_question(sql, &self.user);
        Asked { sql: sql.to_owned(), catalogue_sql, parameters, user, role, timeout }
    }
}

impl State {
    /// Keep a cursor.
    ///
    /// # Errors
    /// [`Refusal`] if there is one of that name, or too many.
    pub(crate) fn open(&mut self, name: &str, rows: Arc<Held>, is_held: bool) -> Result<(), Refusal> {
        if self.cursors.contains_key(name) {
            return Err(Refusal::new("42P03", format!("cursor \"{name}\" already exists")));
        }
        if self.cursors.len() >= MOST_CURSORS {
            return Err(Refusal::new(
                "53000",
                format!("a session may have {MOST_CURSORS} cursors; CLOSE some"),
            ));
        }
        self.cursors.insert(name.to_owned(), Cursor { rows, is_held });
        Ok(())
    }

    /// Return a cursor.
    ///
    /// # Errors
    /// [`Refusal`] if there is none of that name.
    pub(crate) fn cursor(&self, name: &str) -> Result<Arc<Held>, Refusal> {
        let unknown = || Refusal::new("34000", format!("cursor \"{name}\" does not exist"));
        self.cursors.get(name).map(|cursor| Arc::clone(&cursor.rows)).ok_or_else(unknown)
    }

    /// Close one cursor, or all.
    ///
    /// # Errors
    /// [`Refusal`] if there is none of that name.
    pub(crate) fn close(&mut self, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            None => self.cursors.clear(),
            Some(name) => {
                self.cursor(name)?;
                self.cursors.remove(name);
            }
        }
        Ok(())
    }

    /// Close the cursors that end with their transaction.
    pub(crate) fn end_transaction(&mut self) {
        self.cursors.retain(|_, cursor| cursor.is_held);
    }
}
