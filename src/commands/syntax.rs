//! [`super::spec::Spec::syntax`] as the tree of arguments that `COMMAND DOCS` shows, for the hints of clients.
//!
//! The notation is that of Redis' documentation: words in capitals are keywords, `[ ]` holds what
//! may be left out, `< >` a choice that must be made, `|` stands between alternatives, and
//! `x [x ...]` means one or more.

/// One argument, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    pub name: String,
    pub kind: Kind,
    /// The keyword in front.
    pub token: Option<&'static str>,
    pub optional: bool,
    pub repeated: Repeated,
}

/// What an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A value of the type that `COMMAND DOCS` calls so.
    Value(&'static str),
    /// Nothing but its keyword.
    PureToken,
    /// One of these.
    OneOf(Vec<Argument>),
    /// These together.
    Block(Vec<Argument>),
}

/// How often an argument may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    Once,
    Often,
    /// Often, its keyword each time.
    WithToken,
}

/// The arguments of a syntax, in order.
pub fn parse(syntax: &'static str) -> Vec<Argument> {
    let mut parser = Parser { rest: syntax };
    parser.sequence().0
}

struct Parser {
    rest: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Open(char),
    Close,
    Or,
    Dots,
    Word(&'static str),
}

impl Parser {
    fn peek(&self) -> Option<(Token, &'static str)> {
        let text = self.rest.trim_start();
        let first = text.chars().next()?;
        let token = match first {
            '[' | '<' => Token::Open(first),
            ']' | '>' => Token::Close,
            '|' => Token::Or,
            _ => {
                let end = text.find(|c: char| c.is_whitespace() || "[]<>|".contains(c)).unwrap_or(text.len());
                let (word, rest) = text.split_at(end);
                let token = if word == "..." { Token::Dots } else { Token::Word(word) };
                return Some((token, rest));
            }
        };
        Some((token, &text[1..]))
    }

    fn next(&mut self) -> Option<Token> {
        let (token, rest) = self.peek()?;
        self.rest = rest;
        Some(token)
    }

    /// Arguments up to `|`, a closing bracket or the end; and whether `...` came last.
    fn sequence(&mut self) -> (Vec<Argument>, bool) {
        let mut arguments: Vec<Argument> = Vec::new();
        let mut dots = false;
        while let Some((token, rest)) = self.peek() {
            if matches!(token, Token::Or | Token::Close) {
                break;
            }
            self.rest = rest;
            match token {
                Token::Dots => dots = true,
                Token::Open(bracket) => self.group(bracket, &mut arguments),
                Token::Word(word) if is_keyword(word) => arguments.push(self.keyword(word)),
                Token::Word(word) => arguments.push(value(word)),
                Token::Or | Token::Close => {}
            }
        }
        (arguments, dots)
    }

    /// A keyword, with the value that follows it.
    fn keyword(&mut self, token: &'static str) -> Argument {
        match self.peek() {
            Some((Token::Word(word), rest)) if !is_keyword(word) => {
                self.rest = rest;
                Argument { token: Some(token), ..value(word) }
            }
            Some((Token::Open('<'), rest)) => {
                self.rest = rest;
                Argument { token: Some(token), ..self.alternatives() }
            }
            _ => Argument { kind: Kind::PureToken, token: Some(token), ..value_named(token) },
        }
    }

    /// A bracket's content, added to what came before it.
    fn group(&mut self, bracket: char, before: &mut Vec<Argument>) {
        let mut alternatives = Vec::new();
        let mut dots = false;
        loop {
            let (sequence, repeated) = self.sequence();
            dots |= repeated;
            alternatives.push(sequence);
            if self.next() != Some(Token::Or) {
                break;
            }
        }
        if dots
            && let [sequence] = alternatives.as_slice()
            && before.ends_with(sequence)
        {
            // `x [x ...]`: the x that came before is the one that repeats.
            before.truncate(before.len() - sequence.len());
            before.push(repeat(together(sequence.clone())));
            return;
        }
        let mut argument = choice(alternatives);
        if dots {
            argument.repeated = Repeated::Often;
        }
        argument.optional = bracket == '[';
        before.push(argument);
    }

    /// The rest of `<a | b>`.
    fn alternatives(&mut self) -> Argument {
        let mut one = Vec::new();
        self.group('<', &mut one);
        together(one)
    }
}

fn is_keyword(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_uppercase() || "=~*$".contains(c))
        && !word.chars().any(|c| c.is_ascii_lowercase())
}

fn repeat(argument: Argument) -> Argument {
    let with_token = argument.token.is_some() && argument.kind != Kind::PureToken;
    Argument { repeated: if with_token { Repeated::WithToken } else { Repeated::Often }, ..argument }
}

fn choice(mut alternatives: Vec<Vec<Argument>>) -> Argument {
    if alternatives.len() == 1 {
        return together(alternatives.pop().unwrap_or_default());
    }
    let all: Vec<Argument> = alternatives.into_iter().map(together).collect();
    Argument { kind: Kind::OneOf(all.clone()), ..value_named(&joined_names(&all)) }
}

/// Arguments that come together, as one. A keyword in front of several belongs to all of them.
fn together(mut sequence: Vec<Argument>) -> Argument {
    if sequence.len() == 1 {
        return sequence.remove(0);
    }
    let mut token = None;
    if let [Argument { token: Some(first), optional: false, kind: Kind::Value(_), .. }, second, ..] =
        sequence.as_mut_slice()
        && second.token.is_none()
    {
        token = Some(*first);
        sequence[0].token = None;
    }
    let name = joined_names(&sequence);
    Argument { kind: Kind::Block(sequence), token, ..value_named(&name) }
}

fn joined_names(arguments: &[Argument]) -> String {
    arguments.iter().map(|argument| argument.name.as_str()).collect::<Vec<_>>().join("_")
}

fn value_named(name: &str) -> Argument {
    Argument {
        name: name.to_ascii_lowercase(),
        kind: Kind::Value("string"),
        token: None,
        optional: false,
        repeated: Repeated::Once,
    }
}

fn value(word: &str) -> Argument {
    let name = word.trim_matches('"');
    let kind = match name {
        "key" | "newkey" | "source" | "destination" | "destkey" | "key1" | "key2" => "key",
        "unix-time-seconds" | "unix-time-milliseconds" | "timestamp" => "unix-time",
        "pattern" => "pattern",
        "score" | "min" | "max" | "longitude" | "latitude" | "radius" | "width" | "height" | "weight" => {
            "double"
        }
        "seconds" | "milliseconds" | "count" | "offset" | "index" | "index1" | "index2" | "numkeys"
        | "start" | "end" | "stop" | "db" | "destination-db" | "cursor" | "ttl" | "client-id" | "length"
        | "bit" | "decrement" | "numreplicas" | "numlocal" | "timeout" | "protover" | "maxlen"
        | "num-matches" | "min-match-len" | "maxage" | "version" | "port" => "integer",
        _ => "string",
    };
    Argument { kind: Kind::Value(kind), ..value_named(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree on one line: `name:type`, `TOKEN=` in front, `?` optional, `+` often, `++` with token.
    fn shown(syntax: &'static str) -> String {
        parse(syntax).iter().map(show).collect::<Vec<_>>().join(" ")
    }

    fn show(argument: &Argument) -> String {
        let token = argument.token.map_or(String::new(), |token| format!("{token}="));
        let all = |arguments: &[Argument]| arguments.iter().map(show).collect::<Vec<_>>().join(" ");
        let kind = match &argument.kind {
            Kind::Value(kind) => format!("{}:{kind}", argument.name),
            Kind::PureToken => "!".to_owned(),
            Kind::OneOf(arguments) => format!("oneof({})", all(arguments)),
            Kind::Block(arguments) => format!("block({})", all(arguments)),
        };
        let repeated = match argument.repeated {
            Repeated::Once => "",
            Repeated::Often => "+",
            Repeated::WithToken => "++",
        };
        format!("{token}{kind}{}{repeated}", if argument.optional { "?" } else { "" })
    }

    #[test]
    fn trees() {
        let cases = [
            ("", ""),
            ("key", "key:key"),
            ("key [key ...]", "key:key+"),
            ("key value [key value ...]", "block(key:key value:string)+"),
            ("key [NX | XX] [GET]", "key:key oneof(NX=! XX=!)? GET=!?"),
            ("[EX seconds | KEEPTTL]", "oneof(EX=seconds:integer KEEPTTL=!)?"),
            ("[LIMIT offset count]", "LIMIT=block(offset:integer count:integer)?"),
            ("[GET pattern [GET pattern ...]]", "GET=pattern:pattern++?"),
            ("<ASYNC | SYNC>", "oneof(ASYNC=! SYNC=!)"),
            ("[command-name [command-name ...]]", "command-name:string?+"),
            ("[OVERFLOW <WRAP | SAT>]", "OVERFLOW=oneof(WRAP=! SAT=!)?"),
            ("GET encoding offset", "GET=encoding:string offset:integer"),
        ];
        for (syntax, tree) in cases {
            let shown = shown(syntax).replace("++?", "?++").replace("+?", "?+");
            assert_eq!(shown, tree.replace("++?", "?++").replace("+?", "?+"), "{syntax}");
        }
    }

    #[test]
    fn unbalanced_brackets_end_somewhere() {
        for syntax in ["[", "]", "<a |", "a ] b", "[[[x ...", "||"] {
            let _ = parse(syntax);
        }
    }
}
