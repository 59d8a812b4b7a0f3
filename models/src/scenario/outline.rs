//! Where the values of a RON text stand: a structural scanner that keeps byte spans.
//!
//! The ron crate reads values but forgets their places, which `--set` (replace one value) and messages of checks (point
//! at one field) need. This scanner knows brackets, keys, strings and comments, and nothing of types; whether a text is
//! RON is ron's to say. Not understood: byte-string escapes beyond those of strings; a text that ron accepts and this
//! scanner does not is reported without a place.

use std::ops::Range;

/// Deepest nesting, as in ron.
const DEPTH_MAX: usize = 128;

/// A piece of RON that is no space and no comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub span: Range<usize>,
    kind: TokenKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    /// Identifier, number, string or character.
    Word,
    /// Anything else, one character.
    Mark(char),
}

/// The tokens of a text; what cannot be understood is a one-character mark.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (length, kind) = if c.is_whitespace() {
            (c.len_utf8(), None)
        } else if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if rest.starts_with("/*") {
            (block_comment(rest), None)
        } else if let Some(length) = string(rest) {
            (length, Some(TokenKind::Word))
        } else if is_word(c) {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            (raw + rest[raw..].find(|c| !is_word(c)).unwrap_or(rest.len() - raw), Some(TokenKind::Word))
        } else {
            (c.len_utf8(), Some(TokenKind::Mark(c)))
        };
        if let Some(kind) = kind {
            tokens.push(Token { span: at..at + length, kind });
        }
        at += length;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-')
}

/// Length of the block comment at the start of `text`; comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Length of the string or character at the start of `text`, if there is one.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "b", "r", ""].into_iter().find(|prefix| text.starts_with(prefix))?;
    let body = &text[prefix.len()..];
    let start = prefix.len();
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let content = body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(start + hashes + 1 + content.find(&end).map_or(content.len(), |at| at + end.len()));
    }
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its bytes, the name before a bracket included.
    pub span: Range<usize>,
    /// Name of the structure or enum variant before the bracket.
    pub name: Option<Range<usize>>,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Number, string, identifier.
    Scalar,
    /// `(key: value, ..)` or `{key: value, ..}`.
    Fields(Vec<Field>),
    /// `(value, ..)` or `[value, ..]`.
    Items(Vec<Node>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Without quotes.
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

/// The one value that `text` consists of; none if the brackets do not match.
pub(crate) fn outline(text: &str) -> Option<Node> {
    let mut tokens = tokens(text);
    while starts_with_attribute(&tokens) {
        let end = tokens.iter().position(|token| token.kind == TokenKind::Mark(']'))?;
        tokens.drain(..=end);
    }
    let mut scanner = Scanner { text, tokens: &tokens, at: 0 };
    let node = scanner.value(0)?;
    (scanner.at == tokens.len()).then_some(node)
}

fn starts_with_attribute(tokens: &[Token]) -> bool {
    tokens.len() > 2 && tokens[0].kind == TokenKind::Mark('#') && tokens[1].kind == TokenKind::Mark('!')
}

struct Scanner<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<TokenKind> {
        self.tokens.get(self.at + ahead).map(|token| token.kind)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        Some(token)
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        let first = self.next()?;
        let (name, open) = match (first.kind, self.peek(0)) {
            (TokenKind::Word, Some(TokenKind::Mark('('))) => (Some(first.span.clone()), self.next()?.kind),
            (kind, _) => (None, kind),
        };
        let close = match open {
            TokenKind::Word => {
                return Some(Node { span: first.span, name: None, content: Content::Scalar });
            }
            TokenKind::Mark('(') => TokenKind::Mark(')'),
            TokenKind::Mark('[') => TokenKind::Mark(']'),
            TokenKind::Mark('{') => TokenKind::Mark('}'),
            TokenKind::Mark(_) => return None,
        };
        let keyed = close != TokenKind::Mark(']') && self.peek(1) == Some(TokenKind::Mark(':'));
        let (mut fields, mut items) = (Vec::new(), Vec::new());
        while self.peek(0)? != close {
            if keyed {
                let key_span = self.next()?.span;
                let key = self.text[key_span.clone()].trim_matches('"').to_string();
                if self.next()?.kind != TokenKind::Mark(':') {
                    return None;
                }
                fields.push(Field { key, key_span, value: self.value(depth + 1)? });
            } else {
                items.push(self.value(depth + 1)?);
            }
            match self.peek(0)? {
                TokenKind::Mark(',') => self.at += 1,
                kind if kind == close => {}
                _ => return None,
            }
        }
        let end = self.next()?.span.end;
        let content = if keyed { Content::Fields(fields) } else { Content::Items(items) };
        Some(Node { span: first.span.start..end, name, content })
    }
}

impl Node {
    /// The value at a path of field names and positions, or the deepest value on the way and the number of steps done.
    pub(crate) fn find(&self, text: &str, path: &[&str]) -> Result<&Node, (&Node, usize)> {
        let mut node = self.unwrapped(text);
        for (done, step) in path.iter().enumerate() {
            let child = match &node.content {
                Content::Scalar => None,
                Content::Fields(fields) => fields.iter().find(|field| field.key == *step).map(|field| &field.value),
                Content::Items(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            };
            node = child.ok_or((node, done))?.unwrapped(text);
        }
        Ok(node)
    }

    /// `Some(x)` is written for x: the path does not see it.
    fn unwrapped(&self, text: &str) -> &Node {
        match (&self.name, &self.content) {
            (Some(name), Content::Items(items)) if &text[name.clone()] == "Some" && items.len() == 1 => &items[0],
            _ => self,
        }
    }

    /// The paths of all values below this one, each before what it contains.
    pub(crate) fn paths(&self) -> Vec<(String, &Node)> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths<'a>(&'a self, prefix: &str, paths: &mut Vec<(String, &'a Node)>) {
        let children: Vec<(String, &Node)> = match &self.content {
            Content::Scalar => Vec::new(),
            Content::Fields(fields) => fields.iter().map(|field| (field.key.clone(), &field.value)).collect(),
            Content::Items(items) => items.iter().enumerate().map(|(i, item)| (i.to_string(), item)).collect(),
        };
        for (step, child) in children {
            let path = if prefix.is_empty() { step } else { format!("{prefix}.{step}") };
            paths.push((path.clone(), child));
            child.collect_paths(&path, paths);
        }
    }

    /// The innermost structure around a byte.
    pub(crate) fn enclosing(&self, at: usize) -> Option<&Node> {
        if !self.span.contains(&at) {
            return None;
        }
        let children: Vec<&Node> = match &self.content {
            Content::Scalar => return None,
            Content::Fields(fields) => fields.iter().map(|field| &field.value).collect(),
            Content::Items(items) => items.iter().collect(),
        };
        children.into_iter().find_map(|child| child.enclosing(at)).or(Some(self))
    }
}
