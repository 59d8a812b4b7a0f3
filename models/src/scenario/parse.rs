//! RON text to a [`Scenario`], and what ron says about a wrong text as a [`Diagnostic`].
//!
//! Three types are read by hand. [`Loss`] may be a number. [`VariantChoice`] is a string, or a tuple of a string and
//! switches. [`SweepValue`] keeps any value, which `ron::Value` cannot: it forgets the names of enum variants.

use super::link::Loss;
use super::outline::{outline, tokens};
use super::schema::{Scenario, SweepValue, VariantChoice};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::variant::{Overrides, SWITCHES, SwitchInfo};
use ron::error::{Error, Position, SpannedError};
use ron::extensions::Extensions;
use ron::ser::PrettyConfig;
use ron::value::RawValue;
use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::ser::{Serialize, SerializeTuple, Serializer};
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

/// Longest RON text that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// How every RON text of this crate is read and written.
pub(crate) fn ron_options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

impl Scenario {
    /// Reads a scenario; `name` is the file in messages. Values are not checked against each other: see
    /// [`Scenario::validate`].
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn from_ron(text: &str, name: &str) -> Result<Scenario, Diagnostic> {
        from_ron(text, name)
    }
}

/// Reads one RON value of at most [`TEXT_BYTES_MAX`].
pub(crate) fn from_ron<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, Diagnostic> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Diagnostic::unplaced(
            name,
            format!("{} bytes are too long for this kind of file (at most {TEXT_BYTES_MAX})", text.len()),
        ));
    }
    ron_options().from_str(text).map_err(|error| diagnostic(&error, text, name))
}

/// Writes a value; without `config` on one line.
///
/// ron writes an enum variant `None` as `r#None`, as it would be read as the absent value of an optional field. Nothing
/// here is optional in that sense ([`Switches`]), and the user writes `None`.
pub(crate) fn to_ron<T: Serialize>(value: &T, config: Option<PrettyConfig>) -> String {
    let text = match config {
        Some(config) => ron_options().to_string_pretty(value, config),
        None => ron_options().to_string(value),
    };
    let text = text.expect("numbers, strings, enums and structures have a RON form");
    let raw: Vec<Range<usize>> = tokens(&text).into_iter().map(|token| token.span).collect();
    let raw = raw.into_iter().filter(|span| &text[span.clone()] == "r#None");
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    for span in raw {
        plain.push_str(&text[at..span.start]);
        plain.push_str("None");
        at = span.end;
    }
    plain + &text[at..]
}

/// What ron says, in the words of this program.
pub(crate) fn diagnostic(error: &SpannedError, text: &str, name: &str) -> Diagnostic {
    let end = byte_offset(text, error.span.end);
    let (span, message, suggestion) = match &error.code {
        Error::NoSuchStructField { expected, found, outer } => {
            let message = match outer.as_deref() {
                Some("Overrides") => format!("unknown switch `{found}`"),
                Some(outer) => format!("unknown field `{found}` in `{outer}`"),
                None => format!("unknown field `{found}`"),
            };
            (word_before(text, end, found), message, did_you_mean(found, expected.iter().copied()))
        }
        Error::NoSuchEnumVariant { expected, found, outer } => {
            let message = match outer {
                Some(outer) => format!("unknown value `{found}` of `{outer}`"),
                None => format!("unknown value `{found}`"),
            };
            (word_before(text, end, found), message, did_you_mean(found, expected.iter().copied()))
        }
        Error::MissingStructField { field, outer } => {
            let message = match outer {
                Some(outer) => format!("field `{field}` is missing in `{outer}`"),
                None => format!("field `{field}` is missing"),
            };
            (structure_around(text, end), message, None)
        }
        Error::DuplicateStructField { field, .. } => {
            (word_before(text, end, field), format!("field `{field}` is given twice"), None)
        }
        Error::Eof | Error::ExpectedStructLikeEnd | Error::ExpectedArrayEnd | Error::ExpectedMapEnd => {
            (end..end, lower_first(&error.code.to_string()), None)
        }
        // ron stops within a word only where it reads an integer and finds a fraction.
        Error::ExpectedComma if token_before(text, end).end > end => {
            let token = token_before(text, end);
            let message = format!("expected an integer but found `{}`", &text[token.clone()]);
            (token, message, None)
        }
        // ron has read nothing of what it did not expect.
        Error::ExpectedComma
        | Error::TrailingCharacters
        | Error::ExpectedStructLike
        | Error::ExpectedNamedStructLike(_)
        | Error::ExpectedArray
        | Error::ExpectedMap
        | Error::ExpectedString
        | Error::ExpectedBoolean
        | Error::ExpectedInteger
        | Error::ExpectedFloat
        | Error::ExpectedIdentifier
        | Error::UnexpectedChar(_) => match token_after(text, end) {
            Some(token) => (token, lower_first(&error.code.to_string()), None),
            None => (end..end, "the text ends too early: a value or a closing bracket is missing".to_string(), None),
        },
        Error::Message(message) => (token_before(text, end), message.clone(), None),
        code => (token_before(text, end), lower_first(&code.to_string()), None),
    };
    Diagnostic::at(name, text, span, message).with_suggestion(suggestion)
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn byte_offset(text: &str, position: Position) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = &text[line_start..];
    line_start + line.char_indices().nth(position.col.saturating_sub(1)).map_or(line.len(), |(at, _)| at)
}

fn word_before(text: &str, end: usize, word: &str) -> Range<usize> {
    let found =
        tokens(text).into_iter().rev().find(|token| token.span.start < end && &text[token.span.clone()] == word);
    found.map_or_else(|| token_before(text, end), |token| token.span)
}

fn token_before(text: &str, end: usize) -> Range<usize> {
    tokens(text).into_iter().rev().find(|token| token.span.start < end).map_or(0..0, |token| token.span)
}

fn token_after(text: &str, start: usize) -> Option<Range<usize>> {
    tokens(text).into_iter().map(|token| token.span).find(|span| span.start >= start)
}

fn structure_around(text: &str, end: usize) -> Range<usize> {
    let whole = outline(text);
    let structure = whole.as_ref().and_then(|node| node.enclosing(end.saturating_sub(1)));
    match structure {
        Some(node) => node.name.clone().unwrap_or(node.span.start..node.span.start + 1),
        None => token_before(text, end),
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loss, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename = "Loss")]
        enum Written {
            None,
            Bernoulli(f64),
            GilbertElliott { loss: f64, burst: f64 },
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let text = raw.trim().get_ron();
        if let Some(number) = number(text) {
            return Ok(if number == 0.0 { Loss::None } else { Loss::Bernoulli(number) });
        }
        match ron_options().from_str(text) {
            Ok(Written::None) => Ok(Loss::None),
            Ok(Written::Bernoulli(probability)) => Ok(Loss::Bernoulli(probability)),
            Ok(Written::GilbertElliott { loss, burst }) => Ok(Loss::GilbertElliott { loss, burst }),
            Err(SpannedError { code: Error::NoSuchEnumVariant { found, expected, .. }, .. }) => {
                Err(de::Error::unknown_variant(&found, expected))
            }
            Err(error) => Err(de::Error::custom(format!(
                "`{text}` is no loss ({}); write a probability, `None`, `Bernoulli(1e-4)` or `GilbertElliott(loss: 1e-3, burst: 4)`",
                lower_first(&error.code.to_string())
            ))),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    ron::from_str(text).ok()
}

impl Serialize for SweepValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            SweepValue::Number(number) => match exact_integer(*number) {
                Some(integer) => serializer.serialize_i64(integer),
                None => serializer.serialize_f64(*number),
            },
            SweepValue::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for SweepValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SweepValue, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let text = raw.trim().get_ron();
        match number(text) {
            Some(number) if number.is_finite() => return Ok(SweepValue::Number(number)),
            Some(_) => return Err(de::Error::custom(format!("`{text}` is no finite number"))),
            None => {}
        }
        Ok(SweepValue::Text(ron::from_str(text).unwrap_or_else(|_| text.to_string())))
    }
}

/// As an argument of [`Scenario::set`].
impl fmt::Display for SweepValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SweepValue::Number(number) => match exact_integer(*number) {
                Some(integer) => write!(f, "{integer}"),
                None => write!(f, "{number:?}"),
            },
            SweepValue::Text(text) => f.write_str(text),
        }
    }
}

/// Below 2^53 an f64 holds every integer.
fn exact_integer(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < (1u64 << 53) as f64).then_some(number as i64)
}

impl Serialize for VariantChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.overrides == Overrides::default() {
            return serializer.serialize_str(&self.preset);
        }
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.preset)?;
        pair.serialize_element(&self.overrides)?;
        pair.end()
    }
}

impl<'de> Deserialize<'de> for VariantChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VariantChoice, D::Error> {
        deserializer.deserialize_any(VariantChoiceVisitor)
    }
}

struct VariantChoiceVisitor;

impl<'de> Visitor<'de> for VariantChoiceVisitor {
    type Value = VariantChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a preset such as \"merged\", or one with switches: (\"merged\", (cache_release: AfterColoJoin))")
    }

    fn visit_str<E: de::Error>(self, preset: &str) -> Result<VariantChoice, E> {
        Ok(VariantChoice { preset: preset.to_string(), overrides: Overrides::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<VariantChoice, A::Error> {
        let preset = pair.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let Switches(overrides) = pair.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        Ok(VariantChoice { preset, overrides })
    }
}

/// Switches as a user writes them, where `None` is a value of `hook_copy` and not the absence of one: that is how ron
/// would read an optional field.
pub(crate) struct Switches(pub Overrides);

/// Every switch with the names of its values, in the form that serde's errors need.
static NAMES: LazyLock<Vec<(&str, Vec<&str>)>> = LazyLock::new(|| {
    let values = |switch: &SwitchInfo| switch.values.iter().map(|value| value.name).collect();
    SWITCHES.iter().map(|switch| (switch.name, values(switch))).collect()
});

static SWITCH_NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| SWITCHES.iter().map(|switch| switch.name).collect());

impl<'de> Deserialize<'de> for Switches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Switches, D::Error> {
        deserializer.deserialize_struct("Overrides", &SWITCH_NAMES, SwitchesVisitor)
    }
}

struct SwitchesVisitor;

impl<'de> Visitor<'de> for SwitchesVisitor {
    type Value = Switches;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("switches such as (cache_release: AfterColoJoin)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Switches, A::Error> {
        let mut given: Vec<(&str, String)> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let Some((switch, values)) = NAMES.iter().find(|(switch, _)| *switch == name) else {
                return Err(de::Error::unknown_field(&name, &SWITCH_NAMES));
            };
            if given.iter().any(|(other, _)| other == switch) {
                return Err(de::Error::duplicate_field(switch));
            }
            given.push((switch, map.next_value_seed(SwitchValue { switch, values })?));
        }
        let text: String = given.iter().map(|(switch, value)| format!("{switch}: Some({value}), ")).collect();
        ron_options().from_str(&format!("({text})")).map(Switches).map_err(de::Error::custom)
    }
}

/// Reads the name of one of the values.
struct SwitchValue {
    switch: &'static str,
    values: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for SwitchValue {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_enum(self.switch, self.values, self)
    }
}

impl<'de> Visitor<'de> for SwitchValue {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {}", self.switch)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<String, A::Error> {
        let (Name(value), content) = data.variant()?;
        if !self.values.contains(&value.as_str()) {
            return Err(de::Error::unknown_variant(&value, self.values));
        }
        content.unit_variant()?;
        Ok(value)
    }
}

/// An identifier.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_identifier(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
        Ok(Name(name.to_string()))
    }
}
