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

    /// As the pointer of a problem with the text itself.
    pub(super) fn pointer(self) -> String {
        format!("{AT_LINE}{}:{}:{}", self.line, self.column, self.width)
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
    /// No value at all.
    Nothing,
    Sequence(Vec<usize>),
    Mapping(Vec<Member>),
    Alias(usize),
}

/// A key, its place, and its value.
type Member = (String, Stretch, usize);

/// The key whose value's members count as the mapping's own.
const MERGE: &str = "<<";

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
                Event::Scalar(_, ScalarStyle::Plain, anchor, _) if span.start.index() == span.end.index() => {
                    (Content::Nothing, anchor, false)
                }
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
                    Content::Scalar { .. } | Content::Nothing | Content::Alias(_) => {}
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
                Content::Mapping(members) => match self.member(members, &name) {
                    Some((_, place, value)) => (node, key) = (*value, Some(*place)),
                    None => return self.show(node, key, Focus::Key),
                },
                Content::Scalar { .. } | Content::Nothing | Content::Alias(_) => return self.show(node, key, focus),
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
                Content::Mapping(members) => self.member(members, name).map(|(.., id)| *id),
                Content::Scalar { .. } | Content::Nothing | Content::Alias(_) => None,
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
            match &self.nodes[self.follow(node)].content {
                Content::Mapping(members) => {
                    let (_, place, value) = members.iter().rfind(|(member, ..)| member == token)?;
                    (node, first) = (*value, place.line);
                }
                Content::Sequence(items) => {
                    node = *items.get(token.parse::<usize>().ok()?)?;
                    first = self.nodes[node].at.line;
                }
                _ => return None,
            }
        }
        Some(first..=self.nodes[node].last_line)
    }

    /// How many entries the list at a pointer of keys has.
    pub(super) fn length_of(&self, pointer: &str) -> usize {
        let mut node = self.root;
        for token in pointer.split('/').skip(1) {
            let Some(Content::Mapping(members)) = self.nodes.get(self.follow(node)).map(|node| &node.content) else {
                return 0;
            };
            let Some((_, _, value)) = members.iter().rfind(|(member, ..)| member == token) else { return 0 };
            node = *value;
        }
        match self.nodes.get(self.follow(node)).map(|node| &node.content) {
            Some(Content::Sequence(items)) => items.len(),
            _ => 0,
        }
    }

    /// The text that stands at a pointer without quotes, if it is such a scalar.
    pub(super) fn plain_text(&self, pointer: &str) -> Option<&str> {
        let mut node = self.root;
        for token in pointer.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            node = match &self.nodes[self.follow(node)].content {
                Content::Sequence(items) => *items.get(name.parse::<usize>().ok()?)?,
                Content::Mapping(members) => self.member(members, &name)?.2,
                Content::Scalar { .. } | Content::Nothing | Content::Alias(_) => return None,
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
            (_, Some(key), Focus::Key)
            | (Content::Sequence(_) | Content::Mapping(_) | Content::Nothing, Some(key), Focus::Value) => key,
            (Content::Mapping(members), None, _) => members.first().map_or(at, |(_, place, _)| *place),
            _ => at,
        }
    }

    /// A member of a mapping: its own, or one that it merges in.
    fn member<'s>(&'s self, members: &'s [Member], name: &str) -> Option<&'s Member> {
        const DEEPEST: usize = 8;
        self.member_within(members, name, DEEPEST)
    }

    /// The same; what is merged in may merge in its turn, and an anchor may stand within itself.
    fn member_within<'s>(&'s self, members: &'s [Member], name: &str, depth: usize) -> Option<&'s Member> {
        let own = members.iter().rfind(|(member, ..)| member == name);
        let merged = members.iter().filter(|(key, ..)| key == MERGE && depth > 0);
        own.or_else(|| {
            let mut merged = merged.flat_map(|(.., value)| self.mappings(*value));
            merged.find_map(|members| self.member_within(members, name, depth - 1))
        })
    }

    /// The mappings that a merge key names: one, or a list of them.
    fn mappings(&self, node: usize) -> Vec<&[Member]> {
        let mapping = |node: usize| match &self.nodes[self.follow(node)].content {
            Content::Mapping(members) => Some(members.as_slice()),
            _ => None,
        };
        match &self.nodes[self.follow(node)].content {
            Content::Sequence(items) => items.iter().filter_map(|item| mapping(*item)).collect(),
            _ => mapping(node).into_iter().collect(),
        }
    }

    /// The first value of a merge key that is no mapping and no list of mappings.
    pub(super) fn bad_merge(&self) -> Option<String> {
        let sound = |node: usize| match &self.nodes[self.follow(node)].content {
            Content::Mapping(_) => true,
            Content::Sequence(items) => {
                items.iter().all(|item| matches!(self.nodes[self.follow(*item)].content, Content::Mapping(_)))
            }
            Content::Scalar { .. } | Content::Nothing | Content::Alias(_) => false,
        };
        let members = self.nodes.iter().filter_map(|node| match &node.content {
            Content::Mapping(members) => Some(members),
            _ => None,
        });
        members.flatten().find(|(key, _, value)| key == MERGE && !sound(*value)).map(|(_, place, _)| place.pointer())
    }

    /// The last alias of a text: of those that multiply what they stand for it is the one that stands for most.
    pub(super) fn last_alias(&self) -> Option<String> {
        self.nodes.iter().rfind(|node| matches!(node.content, Content::Alias(_))).map(|node| node.at.pointer())
    }

    /// The first alias that stands within what it stands for.
    pub(super) fn alias_of_itself(&self) -> Option<String> {
        // Nodes stand in the order of the text: what a node holds are the ids behind it, up to its last one.
        let last = |mut node: usize| loop {
            node = match &self.nodes[node].content {
                Content::Sequence(items) if !items.is_empty() => items[items.len() - 1],
                Content::Mapping(members) if !members.is_empty() => members[members.len() - 1].2,
                _ => return node,
            };
        };
        let holds = |outer: usize, inner: usize| outer < inner && inner <= last(outer);
        let mut aliases = self.nodes.iter().enumerate().filter_map(|(id, node)| match node.content {
            Content::Alias(anchor) => Some((id, node, *self.anchors.get(&anchor)?)),
            _ => None,
        });
        aliases.find(|(id, _, target)| holds(*target, *id)).map(|(_, node, _)| node.at.pointer())
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
                    let message = format!("`{name}` stands here a second time");
                    problems.push(
                        Problem::at(Code::DuplicateKey, place.pointer(), message)
                            .help(format!("keep one of them: the first is in line {}", first.line)),
                    );
                }
            }
        }
        problems.sort_by_key(|problem| problem.pointer.clone());
        problems
    }
}

/// The place of the second document of a text.
pub(super) fn second_document(text: &str) -> Option<String> {
    let starts = Parser::new_from_str(text).map_while(Result::ok);
    let mut starts = starts.filter(|(event, _)| matches!(event, Event::DocumentStart(_)));
    starts.nth(1).map(|(_, span)| Stretch::of(span).pointer())
}

/// The innermost bracket that is open where reading a text has to stop.
pub(super) fn left_open(text: &str) -> Option<(char, Stretch)> {
    let lines: Vec<&str> = lines(text).collect();
    let sign = |span: Span| lines.get(span.start.line().checked_sub(1)?)?.chars().nth(span.start.col());
    let mut open = Vec::new();
    for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => open.push(span),
            Event::SequenceEnd | Event::MappingEnd => drop(open.pop()),
            _ => {}
        }
    }
    let bracket = |span: Span| {
        let sign = sign(span).filter(|c| matches!(c, '[' | '{'))?;
        Some((sign, Stretch { line: span.start.line(), column: span.start.col() + 1, width: 1 }))
    };
    open.into_iter().rev().find_map(bracket)
}

/// The lines of a text as YAML counts them: CR LF, LF and CR end one (YAML 1.2 section 5.4).
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

impl Stretch {
    /// The character of a text at an index that counts characters; behind the last one that can be seen, that one.
    pub(super) fn of_character(text: &str, index: usize) -> Self {
        let last = text.trim_end().chars().count().saturating_sub(1);
        let before: String = text.chars().take(index.min(last)).collect();
        let (above, line) = lines(&before).enumerate().last().unwrap_or_default();
        Self { line: above + 1, column: line.chars().count() + 1, width: 1 }
    }
}
