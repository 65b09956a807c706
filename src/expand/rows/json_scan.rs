//! A pull scanner over a JSON document that may be larger than memory: it steps over values and cuts elements out.
//!
//! The frame (brackets, keys, commas) is checked here to the letter; what is cut out is parsed by `serde_json`.

use super::record::{Lead, MAX_RECORD, Record};
use std::io::{self, BufRead};

/// Deepest nesting, as `serde_json` has it.
const MAX_DEPTH: usize = 128;
/// Longest number or word, in bytes.
const MAX_SCALAR: usize = 1024;
/// Longest key that is compared, in bytes.
const MAX_KEY: usize = 1024;
/// What is kept of a line for diagnostics, in bytes.
const MAX_LEAD: usize = 400;

/// Why the document cannot be read on.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file cannot be read.
    Io(io::Error),
    /// Not JSON: what should have stood here.
    Syntax(&'static str),
    /// An element beyond the limit of a record.
    TooLong,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The scanner.
pub(super) struct Scanner<R> {
    input: R,
    line: u64,
    lead: Lead,
    /// Bytes of the line so far, as long as they are few.
    line_start: Vec<u8>,
    after_cr: bool,
    /// Where bytes that are stepped over are kept.
    kept: Option<Vec<u8>>,
    /// Line and column of the key that was read last.
    key_at: (u64, u64),
}

impl<R: BufRead> Scanner<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: 1,
            lead: Lead::default(),
            line_start: Vec::new(),
            after_cr: false,
            kept: None,
            key_at: (1, 0),
        }
    }

    /// An empty record at the next byte: a place for a diagnostic, and the beginning of an element.
    pub(super) fn here(&self) -> Record {
        let text = String::from_utf8_lossy(&self.line_start).into_owned();
        let complete = self.line_start.len() < MAX_LEAD;
        let lead = Lead { text: if complete { text } else { String::new() }, columns: self.lead.columns };
        Record { raw: Vec::new(), line: self.line, lead }
    }

    /// The next byte and what stands behind it on its line, as far as it is at hand: for diagnostics.
    pub(super) fn ahead(&mut self) -> Record {
        let chunk = self.input.fill_buf().unwrap_or_default();
        let raw = chunk.iter().take(MAX_LEAD).take_while(|byte| !matches!(byte, b'\n' | b'\r')).copied().collect();
        Record { raw, ..self.here() }
    }

    /// The key that was read last: for diagnostics.
    pub(super) fn last_key(&self, key: &str) -> Record {
        let (line, columns) = self.key_at;
        // What stands in front is not kept for every key; it is mostly blank.
        let indent = usize::try_from(columns).unwrap_or(usize::MAX);
        let text = if indent < MAX_LEAD { " ".repeat(indent) } else { String::new() };
        Record { raw: format!("\"{key}\"").into_bytes(), line, lead: Lead { text, columns } }
    }

    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            match self.input.fill_buf() {
                Ok(chunk) => return Ok(chunk.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Io(error)),
            }
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        self.input.consume(1);
        if byte == b'\n' || self.after_cr {
            // CR LF is one end of a line, and the CR has not ended it yet.
            self.line += 1;
            self.lead.columns = 0;
            self.line_start.clear();
        }
        self.after_cr = byte == b'\r';
        if !matches!(byte, b'\n' | b'\r') {
            // Continuation bytes of UTF-8 are no characters.
            self.lead.columns += u64::from(byte & 0xC0 != 0x80);
            if self.line_start.len() < MAX_LEAD {
                self.line_start.push(byte);
            }
        }
        match &mut self.kept {
            Some(kept) if kept.len() >= MAX_RECORD => Err(Fault::TooLong),
            Some(kept) => {
                kept.push(byte);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The next byte that is not blank, still unread.
    pub(super) fn next(&mut self) -> Result<Option<u8>, Fault> {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek()? {
            self.step(byte)?;
        }
        self.peek()
    }

    /// Steps over one of these bytes.
    pub(super) fn take(&mut self, wanted: &[u8], words: &'static str) -> Result<u8, Fault> {
        match self.next()? {
            Some(byte) if wanted.contains(&byte) => {
                self.step(byte)?;
                Ok(byte)
            }
            _ => Err(Fault::Syntax(words)),
        }
    }

    /// Reads a key and its colon; `None` behind the last member. `first`: no comma stands in front of it.
    pub(super) fn key(&mut self, first: bool) -> Result<Option<String>, Fault> {
        if first && self.next()? == Some(b'}') {
            self.step(b'}')?;
            return Ok(None);
        }
        if !first && self.take(b",}", "a `,` or a `}` must stand here")? == b'}' {
            return Ok(None);
        }
        if self.next()? != Some(b'"') {
            return Err(Fault::Syntax("a key in double quotes must stand here"));
        }
        self.key_at = (self.line, self.lead.columns);
        let outer = self.kept.replace(Vec::new());
        let read = self.string();
        let key = std::mem::replace(&mut self.kept, outer).unwrap_or_default();
        read?;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&key);
        }
        self.take(b":", "a `:` must stand behind a key")?;
        if key.len() > MAX_KEY {
            return Ok(Some(String::new()));
        }
        serde_json::from_slice(&key).map(Some).map_err(|_| Fault::Syntax("the key in front of this is not a text"))
    }

    /// Whether a list goes on with another element. `first`: no comma stands in front of it.
    pub(super) fn has_element(&mut self, first: bool) -> Result<bool, Fault> {
        if first {
            if self.next()? == Some(b']') {
                self.step(b']')?;
                return Ok(false);
            }
            return Ok(true);
        }
        Ok(self.take(b",]", "a `,` or a `]` must stand here")? == b',')
    }

    /// Cuts the next value out.
    pub(super) fn element(&mut self) -> Result<Record, Fault> {
        self.next()?;
        let mut record = self.here();
        self.kept = Some(Vec::new());
        let skipped = self.skip(0);
        record.raw = self.kept.take().unwrap_or_default();
        skipped.map(|()| record)
    }

    /// Steps over the next value. The document itself has depth 0.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Syntax("the document is nested too deeply"));
        }
        match self.next()? {
            Some(b'{') => {
                self.step(b'{')?;
                let mut first = true;
                while self.key(std::mem::take(&mut first))?.is_some() {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.step(b'[')?;
                let mut first = true;
                while self.has_element(std::mem::take(&mut first))? {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Some(b'"') => self.string(),
            Some(_) => self.scalar(),
            None => Err(Fault::Syntax("the document ends here, in the middle of a value")),
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.step(b'"')?;
        loop {
            self.plain()?;
            let Some(byte) = self.peek()? else {
                return Err(Fault::Syntax("the document ends here, in the middle of a text"));
            };
            if byte < b' ' {
                return Err(Fault::Syntax("a text may not hold an end of line or another control character"));
            }
            self.step(byte)?;
            match byte {
                b'"' => return Ok(()),
                b'\\' => {
                    let Some(escaped) = self.peek()? else { continue };
                    self.step(escaped)?;
                }
                _ => {}
            }
        }
    }

    /// Steps over the part of a text that means nothing to JSON, as far as it is at hand: texts may be long.
    fn plain(&mut self) -> Result<(), Fault> {
        let chunk = self.input.fill_buf().unwrap_or_default();
        let end = chunk.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')).unwrap_or(chunk.len());
        let plain = &chunk[..end];
        self.lead.columns += plain.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        let room = MAX_LEAD.saturating_sub(self.line_start.len());
        self.line_start.extend(plain.iter().take(room));
        if let Some(kept) = &mut self.kept {
            if kept.len() + end > MAX_RECORD {
                return Err(Fault::TooLong);
            }
            kept.extend_from_slice(plain);
        }
        self.input.consume(end);
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        const WORDS: &str = "a value must stand here";
        let mut token = Vec::new();
        while let Some(byte) = self.peek()?.filter(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)) {
            token.push(byte);
            if token.len() > MAX_SCALAR {
                return Err(Fault::Syntax(WORDS));
            }
            self.step(byte)?;
        }
        serde_json::from_slice::<serde::de::IgnoredAny>(&token).map(drop).map_err(|_| Fault::Syntax(WORDS))
    }
}
