//! What is wrong with what somebody typed or sent, field by field. It crosses the wire as data; the page
//! and the API say it in words.

use serde::{Deserialize, Serialize};

use crate::texts::Lang;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    Required,
    TooLong {
        most: usize,
    },
    TooShort {
        least: usize,
    },
    NotAName,
    Guessable,
    /// Somebody or something else has it already.
    Taken,
    /// There is no such thing.
    Unknown,
    /// The old password was not the right one.
    WrongPassword,
    /// Not the code of this moment, or one that was used before.
    WrongCode,
    /// Too many wrong codes; none is looked at for a while.
    TooManyCodes,
    /// A one-time code is asked for, and the person has set up none.
    NoKey,
    /// Not one of these words.
    NotOneOf(Vec<String>),
    OutOfRange {
        from: i64,
        to: i64,
    },
    /// What the parser said about it; in English, for programs.
    Malformed(String),
    NotANumber,
    /// A number that counts something.
    NotWhole,
    /// The field is not part of this request.
    Unexpected,
    /// The same with the place in the text; line and column count from 1.
    At {
        line: usize,
        column: usize,
        message: String,
    },
    /// What was sent is this, and not what it was said to be.
    Differs {
        found: String,
    },
}

/// Faults and the fields they are in, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults(pub Vec<(String, Fault)>);

impl Faults {
    pub fn of(field: &str, fault: Fault) -> Self {
        Self(vec![(field.to_owned(), fault)])
    }

    pub fn add(&mut self, field: &str, fault: Fault) {
        self.0.push((field.to_owned(), fault));
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` where nothing is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// What is wrong with this field.
    pub fn field(&self, name: &str) -> Option<&Fault> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, fault)| fault)
    }
}

impl Fault {
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => self.chinese(),
            Lang::En => self.english(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Fault::Required => "此项必填。".into(),
            Fault::TooLong { most } => format!("最多 {most} 个字符。"),
            Fault::TooShort { least } => format!("至少 {least} 个字符。"),
            Fault::NotAName => "首尾不能有空格，也不能含换行、冒号、斜杠或逗号。".into(),
            Fault::Guessable => "太容易猜到：不要重复字符，也不要用账号名。".into(),
            Fault::Taken => "已被占用。".into(),
            Fault::Unknown => "不存在。".into(),
            Fault::WrongPassword => "原密码不正确。".into(),
            Fault::WrongCode => "不是此刻的一次性验证码，或已经用过。".into(),
            Fault::TooManyCodes => "错误次数太多，请 5 分钟后再试。".into(),
            Fault::NoKey => "此策略要求一次性验证码；请先在个人设置中启用。".into(),
            Fault::NotOneOf(words) => format!("只能是：{}。", words.join("、")),
            Fault::OutOfRange { from, to } => format!("必须在 {from} 到 {to} 之间。"),
            Fault::Malformed(why) => format!("格式不正确：{why}"),
            Fault::NotANumber => "不是数字。".into(),
            Fault::NotWhole => "必须是不小于 0 的整数。".into(),
            Fault::Unexpected => "不认识的字段。".into(),
            Fault::At { line, column, message } => {
                format!("第 {line} 行第 {column} 列：{message}")
            }
            Fault::Differs { found } => format!("与实际内容不符，实际为 {found}。"),
        }
    }

    fn english(&self) -> String {
        match self {
            Fault::Required => "Please fill this in.".into(),
            Fault::TooLong { most } => format!("At most {most} characters."),
            Fault::TooShort { least } => format!("At least {least} characters."),
            Fault::NotAName => {
                "No space at either end, and no line break, colon, slash or comma.".into()
            }
            Fault::Guessable => {
                "Too easy to guess: do not repeat characters, do not use the account's name.".into()
            }
            Fault::Taken => "Already taken.".into(),
            Fault::Unknown => "There is no such thing.".into(),
            Fault::WrongPassword => "The old password is not right.".into(),
            Fault::WrongCode => "Not the code of this moment, or it was used before.".into(),
            Fault::TooManyCodes => "Too many wrong codes; please try again in 5 minutes.".into(),
            Fault::NoKey => {
                "The policy asks for a one-time code; please set them up in your profile first."
                    .into()
            }
            Fault::NotOneOf(words) => format!("Must be one of: {}.", words.join(", ")),
            Fault::OutOfRange { from, to } => format!("Must be between {from} and {to}."),
            Fault::Malformed(why) => format!("Malformed: {why}"),
            Fault::NotANumber => "Not a number.".into(),
            Fault::NotWhole => "Must be a whole number, 0 or more.".into(),
            Fault::Unexpected => "This field is not known here.".into(),
            Fault::At { line, column, message } => {
                format!("Line {line}, column {column}: {message}")
            }
            Fault::Differs { found } => format!("Not what was sent; that is {found}."),
        }
    }
}
