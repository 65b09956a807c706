//! Rows from a list in a JSON document, one element at a time: the document never sits in memory.

use super::input::{Input, Opened, not_text, unreadable};
use super::json_row::{malformed, object};
use super::json_scan::{Fault, Scanner};
use super::record::Record;
use super::{Row, RowPlace, spans};
use crate::model::{Code, DataPlace, Problem};
use crate::template::{is_word, nearest, shown_names};
use std::io::BufReader;
use std::path::PathBuf;

/// Keys that are listed where none is near.
const SHOWN: usize = 12;

/// Keys that are remembered to say what may have been meant.
const MAX_KEYS: usize = 32;

/// A JSON document, within the list that holds the rows.
pub(super) struct JsonReader {
    scanner: Scanner<BufReader<Input>>,
    shown: PathBuf,
    /// What is open around the list, outermost first.
    around: Vec<Around>,
    first: bool,
    record: Record,
    ended: bool,
}

/// A value that the pointer leads through.
enum Around {
    /// An object, and the key that was followed.
    Object(String),
    List,
}

impl JsonReader {
    /// Goes to the list. The pointer of a problem with the path is `/pointer`.
    pub(super) fn open(opened: Opened, pointer: &str) -> Result<Self, Problem> {
        let Opened { input, shown } = opened;
        let scanner = Scanner::new(input);
        let mut reader =
            Self { scanner, shown, around: Vec::new(), first: true, record: Record::default(), ended: false };
        if reader.scanner.next().map_err(|fault| reader.fault(fault))?.is_none() {
            // An empty file has no rows, which is another matter than a wrong one.
            reader.ended = true;
            return Ok(reader);
        }
        for depth in 0..pointer.matches('/').count() {
            reader.descend(pointer, depth)?;
        }
        match reader.scanner.next() {
            Ok(Some(b'[')) => {
                reader.scanner.take(b"[", "").map_err(|fault| reader.fault(fault))?;
                Ok(reader)
            }
            Ok(Some(b'{')) => Err(reader.object_in_place_of_list(pointer)),
            Ok(_) => Err(Problem::at(Code::PointerMissing, "/pointer", format!("{} leads to no list", named(pointer)))
                .help("give the pointer to the list that holds the rows, for example `/calls`")
                .caused_by(reader.place_here())),
            Err(fault) => Err(reader.fault(fault)),
        }
    }

    /// Goes into the member or element of the next value that the pointer names at this depth.
    fn descend(&mut self, pointer: &str, depth: usize) -> Result<(), Problem> {
        let tokens: Vec<&str> = pointer.split('/').skip(1).collect();
        let token = tokens.get(depth).copied().unwrap_or_default();
        let name = token.replace("~1", "/").replace("~0", "~");
        let missing = |keys: &[String], place: DataPlace| {
            let help = match nearest(&name, keys.iter().map(String::as_str)) {
                Some(near) => {
                    let mut meant = tokens.clone();
                    let near = near.replace('~', "~0").replace('/', "~1");
                    meant[depth] = &near;
                    format!("write `pointer: /{}`", meant.join("/"))
                }
                None if keys.is_empty() => "the pointer leads from the document's root to the list of rows".to_owned(),
                None => format!("here are {}", shown_names(keys.iter().map(String::as_str), SHOWN)),
            };
            let message = format!("there is no `{name}` in {}", named(&pointer_to(&tokens[..depth])));
            Problem::at(Code::PointerMissing, "/pointer", message).help(help).caused_by(place)
        };
        let kind = self.scanner.next().map_err(|fault| self.fault(fault))?;
        let place = self.place_here();
        match kind {
            Some(b'{') => {
                self.scanner.take(b"{", "").map_err(|fault| self.fault(fault))?;
                let mut keys = Vec::new();
                let mut first = true;
                loop {
                    match self.scanner.key(std::mem::take(&mut first)).map_err(|fault| self.fault(fault))? {
                        Some(key) if key == name => {
                            self.around.push(Around::Object(key));
                            return Ok(());
                        }
                        Some(key) => {
                            if keys.len() < MAX_KEYS {
                                keys.push(key);
                            }
                            self.scanner.skip(depth + 1).map_err(|fault| self.fault(fault))?;
                        }
                        None => return Err(missing(&keys, place)),
                    }
                }
            }
            Some(b'[') => {
                let Ok(wanted) = name.parse::<u64>() else { return Err(missing(&[], place)) };
                self.scanner.take(b"[", "").map_err(|fault| self.fault(fault))?;
                for index in 0..=wanted {
                    if !self.scanner.has_element(index == 0).map_err(|fault| self.fault(fault))? {
                        return Err(missing(&[], place));
                    }
                    if index < wanted {
                        self.scanner.skip(depth + 1).map_err(|fault| self.fault(fault))?;
                    }
                }
                self.around.push(Around::List);
                Ok(())
            }
            _ => Err(missing(&[], place)),
        }
    }

    /// The list that was meant is probably one of the object's members; or the file is JSON Lines.
    fn object_in_place_of_list(&mut self, pointer: &str) -> Problem {
        let place = self.place_here();
        let mut list = None;
        let mut look = || -> Result<bool, Fault> {
            self.scanner.take(b"{", "")?;
            let mut first = true;
            while let Some(key) = self.scanner.key(std::mem::take(&mut first))? {
                if list.is_none() && self.scanner.next()? == Some(b'[') {
                    list = Some(key);
                    // The remedy is known: a large list need not be read for it.
                    return Ok(false);
                }
                self.scanner.skip(1)?;
            }
            Ok(pointer.is_empty() && self.scanner.next()? == Some(b'{'))
        };
        let another = look().unwrap_or(false);
        let problem =
            |at: &str, message: String| Problem::at(Code::PointerMissing, at, message).caused_by(place.clone());
        match list {
            Some(key) => {
                let at = if pointer.is_empty() { "/json" } else { "/pointer" };
                let key = key.replace('~', "~0").replace('/', "~1");
                let help = if is_word(&key) {
                    format!("write `pointer: {pointer}/{key}`")
                } else {
                    "name the key of the list with `pointer`".to_owned()
                };
                problem(at, format!("{} is an object, not a list of rows", named(pointer))).help(help)
            }
            None if another => problem("/json", "the file has one object a line: it is JSON Lines".to_owned())
                .help("write `jsonl:` in place of `json:`"),
            None => problem("/pointer", format!("{} is an object without a list of rows", named(pointer)))
                .help("rows are the objects of a list: `[{...}, {...}]`"),
        }
    }

    /// Behind the list: the rest of the document must be JSON, and may not have the list's key again.
    fn finish(&mut self) -> Result<(), Problem> {
        while let Some(around) = self.around.pop() {
            loop {
                let more = match &around {
                    Around::Object(followed) => match self.scanner.key(false).map_err(|fault| self.fault(fault))? {
                        Some(key) if key == *followed => {
                            let problem = malformed(format!("`{key}` stands twice in the document"));
                            let place = self.scanner.last_key(&key).place(&self.shown, None);
                            return Err(problem.help("keep one of the two").caused_by(place));
                        }
                        key => key.is_some(),
                    },
                    Around::List => self.scanner.has_element(false).map_err(|fault| self.fault(fault))?,
                };
                if !more {
                    break;
                }
                self.scanner.skip(self.around.len() + 1).map_err(|fault| self.fault(fault))?;
            }
        }
        match self.scanner.next() {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(self.fault(Fault::Syntax("the document has ended: nothing may stand behind it"))),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// The place of the element that was read last, or of a value in it.
    pub(super) fn place(&self, path: Option<&[String]>) -> DataPlace {
        let span = path.and_then(|path| spans::value(std::str::from_utf8(&self.record.raw).ok()?, path));
        self.record.place(&self.shown, span)
    }

    fn place_here(&mut self) -> DataPlace {
        self.scanner.ahead().place(&self.shown, Some(0..1))
    }

    fn fault(&mut self, fault: Fault) -> Problem {
        match fault {
            Fault::Io(error) => unreadable(&self.shown, &error),
            Fault::Syntax(words) => malformed(format!("this is not JSON: {words}"))
                .help("check the brackets, commas and quotes here and just above")
                .caused_by(self.place_here()),
            Fault::TooLong => Problem::at(Code::RecordTooLarge, "", "an element of the list is longer than 1 MiB")
                .help("a row is a few fields of a call: check where the list begins and ends")
                .caused_by(self.record.place(&self.shown, None)),
        }
    }

    fn element(&mut self) -> Result<Option<Row>, Problem> {
        if !self.scanner.has_element(std::mem::take(&mut self.first)).map_err(|fault| self.fault(fault))? {
            self.ended = true;
            return self.finish().map(|()| None);
        }
        self.scanner.next().map_err(|fault| self.fault(fault))?;
        self.record = self.scanner.here();
        self.record = self.scanner.element().map_err(|fault| self.fault(fault))?;
        if let Some(problem) = not_text(&self.record, &self.shown) {
            return Err(problem);
        }
        // From here on the frame is sound: the next element can be read whatever is wrong with this one.
        self.ended = false;
        let values = object(&self.record, &self.shown).map_err(|problem| match problem.help {
            None => problem.help("rows are the objects of a list: `[{...}, {...}]`"),
            Some(_) => problem,
        })?;
        Ok(Some(Row { values, place: RowPlace { line: self.record.line } }))
    }
}

impl Iterator for JsonReader {
    type Item = Result<Row, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.ended = true;
        self.element().transpose()
    }
}

fn pointer_to(tokens: &[&str]) -> String {
    tokens.iter().fold(String::new(), |pointer, token| pointer + "/" + token)
}

fn named(pointer: &str) -> String {
    if pointer.is_empty() { "the document".to_owned() } else { format!("`{pointer}`") }
}
