//! Where things stand in a YAML text: an arena of nodes with marks, from an event parser.

use crate::model::{Code, Focus, Problem};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// What stands in front of `line:column` or `line:column:width` in the pointer of a problem with the text itself, which has no JSON pointer.
pub(super) const AT_LINE: &str = "@";

/// A stretch of text: line and column from 1, in characters; byte range for the caret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub(super) line: usize,
    pub(super) column: usize,
    /// Characters, at least 1.
    pub(super) width: usize,
}

impl Stretch {
    fn of(span: Span) -> Self {
        let one_line = span.start.line() == span.end.line();
        let width = if one_line { span.end.index().saturating_sub(span.start.index()).max(1) } else { 1 };
        Self { line: span.start.line(), column: span.start.col() + 1, width }
    }
}

#[derive(Debug)]
struct Node {
    at: Stretch,
    last_line: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The text as YAML reads it, and whether it stands there without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<usize>),
    Mapping(Vec<(String, Stretch, usize)>),
    Alias(usize),
}

/// The places of one text.
#[derive(Debug)]
pub(super) struct Positions {
    nodes: Vec<Node>,
    root: usize,
    anchors: HashMap<usize, usize>,
}

impl Positions {
    /// Parses a text; `None` when it is not YAML (somebody else has said so already).
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut positions = Self { nodes: Vec::new(), root: 0, anchors: HashMap::new() };
        let mut stack: Vec<(usize, Option<(String, Stretch)>)> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.ok()?;
            let at = Stretch::of(span);
            let last_line = span.end.line();
            let (content, anchor, opens) = match event {
                Event::Scalar(text, style, anchor, _) => {
                    (Content::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }, anchor, false)
                }
                Event::Alias(anchor) => (Content::Alias(anchor), 0, false),
                Event::SequenceStart(anchor, _) => (Content::Sequence(Vec::new()), anchor, true),
                Event::MappingStart(anchor, _) => (Content::Mapping(Vec::new()), anchor, true),
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some((id, _)) = stack.pop() {
                        // A block ends where the next thing begins: the line before that is its last.
                        let end = if at.column == 1 { last_line.saturating_sub(1) } else { last_line };
                        positions.nodes[id].last_line = end.max(positions.nodes[id].at.line);
                    }
                    continue;
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => continue,
            };
            // A key is remembered until its value comes.
            if let (Some((parent, key @ None)), Content::Scalar { text, .. }) = (stack.last_mut(), &content)
                && matches!(positions.nodes[*parent].content, Content::Mapping(_))
            {
                *key = Some((text.clone(), at));
                continue;
            }
            let id = positions.nodes.len();
            positions.nodes.push(Node { at, last_line, content });
            if anchor > 0 {
                positions.anchors.insert(anchor, id);
            }
            if let Some((parent, key)) = stack.last_mut() {
                match &mut positions.nodes[*parent].content {
                    Content::Sequence(items) => items.push(id),
                    Content::Mapping(members) => {
                        // A key that is a collection has no name; its value is unreachable by pointer.
                        if let Some((name, place)) = key.take() {
                            members.push((name, place, id));
                        } else {
                            *key = Some((String::new(), at));
                        }
                    }
                    Content::Scalar { .. } | Content::Alias(_) => {}
                }
            }
            if opens {
                stack.push((id, None));
            }
        }
        (!positions.nodes.is_empty()).then_some(positions)
    }

    /// The stretch that a pointer and focus mean. What is not there (a missing key) is shown at its owner's key.
    pub(super) fn find(&self, pointer: &str, focus: Focus) -> Stretch {
        let mut node = self.root;
        let mut key = None;
        for token in pointer.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            match &self.nodes[self.follow(node)].content {
                Content::Sequence(items) => match name.parse::<usize>().ok().and_then(|index| items.get(index)) {
                    Some(item) => (node, key) = (*item, None),
                    None => return self.show(node, key, focus),
                },
                Content::Mapping(members) => match members.iter().rfind(|(member, ..)| *member == name) {
                    Some((_, place, value)) => (node, key) = (*value, Some(*place)),
                    None => return self.show(node, key, Focus::Key),
                },
                Content::Scalar { .. } | Content::Alias(_) => return self.show(node, key, focus),
            }
        }
        self.show(node, key, focus)
    }

    /// How many of a pointer's tokens lead nowhere here.
    pub(super) fn missing(&self, pointer: &str) -> usize {
        let tokens: Vec<String> =
            pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        let mut node = self.root;
        for (at, name) in tokens.iter().enumerate() {
            let next = match &self.nodes[self.follow(node)].content {
                Content::Sequence(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)).copied(),
                Content::Mapping(members) => members.iter().rfind(|(member, ..)| member == name).map(|(.., id)| *id),
                Content::Scalar { .. } | Content::Alias(_) => None,
            };
            match next {
                Some(next) => node = next,
                None => return tokens.len() - at,
            }
        }
        0
    }

    /// The lines that a value takes, from its key to its last character; `None` when it is not there.
    pub(super) fn lines_of(&self, pointer: &str) -> Option<std::ops::RangeInclusive<usize>> {
        let (mut node, mut first) = (self.root, self.nodes.get(self.root)?.at.line);
        for token in pointer.split('/').skip(1) {
            let Content::Mapping(members) = &self.nodes[self.follow(node)].content else { return None };
            let (_, place, value) = members.iter().rfind(|(member, ..)| member == token)?;
            (node, first) = (*value, place.line);
        }
        Some(first..=self.nodes[node].last_line)
    }

    /// The text that stands at a pointer without quotes, if it is such a scalar.
    pub(super) fn plain_text(&self, pointer: &str) -> Option<&str> {
        let mut node = self.root;
        for token in pointer.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            node = match &self.nodes[self.follow(node)].content {
                Content::Sequence(items) => *items.get(name.parse::<usize>().ok()?)?,
                Content::Mapping(members) => members.iter().rfind(|(member, ..)| *member == name)?.2,
                Content::Scalar { .. } | Content::Alias(_) => return None,
            };
        }
        match &self.nodes[self.follow(node)].content {
            Content::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }

    fn show(&self, node: usize, key: Option<Stretch>, focus: Focus) -> Stretch {
        let at = self.nodes[node].at;
        match (&self.nodes[node].content, key, focus) {
            (_, Some(key), Focus::Key) | (Content::Sequence(_) | Content::Mapping(_), Some(key), Focus::Value) => key,
            (Content::Mapping(members), None, _) => members.first().map_or(at, |(_, place, _)| *place),
            _ => at,
        }
    }

    fn follow(&self, node: usize) -> usize {
        match self.nodes[node].content {
            Content::Alias(anchor) => self.anchors.get(&anchor).copied().unwrap_or(node),
            _ => node,
        }
    }

    /// Keys that stand twice in one mapping; the second place of each.
    pub(super) fn duplicates(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for node in &self.nodes {
            let Content::Mapping(members) = &node.content else { continue };
            let mut seen: HashMap<&str, Stretch> = HashMap::new();
            for (name, place, _) in members {
                if let Some(first) = seen.insert(name, *place) {
                    let pointer = format!("{AT_LINE}{}:{}:{}", place.line, place.column, place.width);
                    let message = format!("`{name}` stands here a second time");
                    problems.push(
                        Problem::at(Code::DuplicateKey, pointer, message)
                            .help(format!("keep one of them: the first is in line {}", first.line)),
                    );
                }
            }
        }
        problems.sort_by_key(|problem| problem.pointer.clone());
        problems
    }
}
