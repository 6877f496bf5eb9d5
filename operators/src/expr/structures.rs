//! The structures that expressions may reach, as tables: field and method names with their types.
//!
//! Names and types follow crowdsec `pkg/pipeline`, `pkg/models`, `pkg/leakybucket`,
//! `pkg/cticlient`, Go's `net/http`, `net/url` and `time`. Pointers to strings and numbers have the
//! type that they point to.

use super::types::Type::{
    self, Any, Bool, Duration, Float, Int, Int64, List, Map, String, Struct, Time,
};

/// A method: name, types of the arguments, type of the result.
pub type Method = (&'static str, &'static [Type], Type);

/// A structure.
#[derive(Debug)]
pub struct Structure {
    /// Name within [`Type::Struct`].
    pub name: &'static str,
    /// That type.
    pub ty: Type,
    /// Fields.
    pub fields: &'static [(&'static str, Type)],
    /// Methods.
    pub methods: &'static [Method],
    /// Type of the elements, where the Go type is a slice.
    pub items: Option<Type>,
    /// Type of the values, where the Go type is a map.
    pub values: Option<Type>,
}

impl Structure {
    /// The type of a field.
    pub fn field(&self, name: &str) -> Option<Type> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, ty)| *ty)
    }

    /// A method by name.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.iter().find(|(known, ..)| *known == name)
    }
}

const fn structure(
    name: &'static str,
    fields: &'static [(&'static str, Type)],
    methods: &'static [Method],
) -> Structure {
    Structure { name, ty: Struct(name), fields, methods, items: None, values: None }
}

/// The structure of that name. A name without a table is checked at run time.
pub fn find(name: &str) -> Option<&'static Structure> {
    STRUCTURES.iter().find(|s| s.name == name)
}

/// Methods of `time.Time`.
pub fn time() -> &'static Structure {
    &TIME
}

/// Methods of `time.Duration`.
pub fn duration() -> &'static Structure {
    &DURATION
}

const STRING_MAP: Type = Map(&String);
const ANY_MAP: Type = Map(&Any);
const LISTS: Type = Map(&List(&String));
const STRINGS: Type = List(&String);
const RULES: Type = Struct("MatchedRules");

static TIME: Structure = structure(
    "time.Time",
    &[],
    &[
        ("Add", &[Duration], Time),
        ("AddDate", &[Int, Int, Int], Time),
        ("After", &[Time], Bool),
        ("Before", &[Time], Bool),
        ("Compare", &[Time], Int),
        ("Day", &[], Int),
        ("Equal", &[Time], Bool),
        ("Format", &[String], String),
        ("GoString", &[], String),
        ("Hour", &[], Int),
        ("ISOWeek", &[], Int),
        ("In", &[Any], Time),
        ("IsDST", &[], Bool),
        ("IsZero", &[], Bool),
        ("Local", &[], Time),
        ("Location", &[], Any),
        ("Minute", &[], Int),
        ("Month", &[], Struct("Month")),
        ("Nanosecond", &[], Int),
        ("Round", &[Duration], Time),
        ("Second", &[], Int),
        ("String", &[], String),
        ("Sub", &[Time], Duration),
        ("Truncate", &[Duration], Time),
        ("UTC", &[], Time),
        ("Unix", &[], Int64),
        ("UnixMicro", &[], Int64),
        ("UnixMilli", &[], Int64),
        ("UnixNano", &[], Int64),
        ("Weekday", &[], Struct("Weekday")),
        ("Year", &[], Int),
        ("YearDay", &[], Int),
        ("Zone", &[], String),
    ],
);

static DURATION: Structure = structure(
    "time.Duration",
    &[],
    &[
        ("Abs", &[], Duration),
        ("Hours", &[], Float),
        ("Microseconds", &[], Int64),
        ("Milliseconds", &[], Int64),
        ("Minutes", &[], Float),
        ("Nanoseconds", &[], Int64),
        ("Round", &[Duration], Duration),
        ("Seconds", &[], Float),
        ("String", &[], String),
        ("Truncate", &[Duration], Duration),
    ],
);

const RULE_METHODS: &[Method] = &[
    ("ByAccuracy", &[String], RULES),
    ("ByDisruptiveness", &[Bool], RULES),
    ("ByID", &[Int], RULES),
    ("ByKind", &[String], RULES),
    ("BySeverity", &[String], RULES),
    ("ByTag", &[String], RULES),
    ("ByTagRx", &[String], RULES),
    ("ByTags", &[STRINGS], RULES),
    ("GetField", &[String], List(&Any)),
    ("GetHash", &[], String),
    ("GetHighestSeverity", &[], Struct("RuleSeverity")),
    ("GetMatchedZones", &[], STRINGS),
    ("GetMethod", &[], String),
    ("GetName", &[], String),
    ("GetNames", &[], STRINGS),
    ("GetRuleIDs", &[], List(&Int)),
    ("GetURI", &[], String),
    ("GetVersion", &[], String),
    ("Kinds", &[], STRINGS),
];

/// [`RULE_METHODS`] and `GetVar`: the structure embeds the list.
const APPSEC_METHODS: &[Method] = &[
    ("ByAccuracy", &[String], RULES),
    ("ByDisruptiveness", &[Bool], RULES),
    ("ByID", &[Int], RULES),
    ("ByKind", &[String], RULES),
    ("BySeverity", &[String], RULES),
    ("ByTag", &[String], RULES),
    ("ByTagRx", &[String], RULES),
    ("ByTags", &[STRINGS], RULES),
    ("GetField", &[String], List(&Any)),
    ("GetHash", &[], String),
    ("GetHighestSeverity", &[], Struct("RuleSeverity")),
    ("GetMatchedZones", &[], STRINGS),
    ("GetMethod", &[], String),
    ("GetName", &[], String),
    ("GetNames", &[], STRINGS),
    ("GetRuleIDs", &[], List(&Int)),
    ("GetURI", &[], String),
    ("GetVar", &[String], String),
    ("GetVersion", &[], String),
    ("Kinds", &[], STRINGS),
];

static STRUCTURES: &[Structure] = &[
    structure(
        "Event",
        &[
            ("Appsec", Struct("AppsecEvent")),
            ("Enriched", STRING_MAP),
            ("ExpectMode", Int),
            ("Line", Struct("Line")),
            ("MarshaledTime", String),
            ("Meta", STRING_MAP),
            ("Overflow", Struct("RuntimeAlert")),
            ("Parsed", STRING_MAP),
            ("Process", Bool),
            ("Stage", String),
            ("StrTime", String),
            ("StrTimeFormat", String),
            ("Time", Time),
            ("Type", Int),
            ("Unmarshaled", ANY_MAP),
            ("WhitelistReason", String),
            ("Whitelisted", Bool),
        ],
        &[
            ("GetMeta", &[String], String),
            ("GetType", &[], String),
            ("ParseIPSources", &[], List(&Any)),
            ("SetMeta", &[String, String], Bool),
            ("SetParsed", &[String, String], Bool),
        ],
    ),
    structure("ParserResult", &[("Evt", Struct("Event")), ("Idx", Int), ("Success", Bool)], &[]),
    structure(
        "Line",
        &[
            ("Labels", STRING_MAP),
            ("Module", String),
            ("Process", Bool),
            ("Raw", String),
            ("Src", String),
            ("Time", Time),
        ],
        &[],
    ),
    structure(
        "RuntimeAlert",
        &[
            ("APIAlerts", List(&Struct("Alert"))),
            ("Alert", Struct("Alert")),
            ("BucketId", String),
            ("Mapkey", String),
            ("Reprocess", Bool),
            ("Sources", Map(&Struct("Source"))),
            ("Whitelisted", Bool),
        ],
        &[("GetSources", &[], STRINGS)],
    ),
    structure(
        "Alert",
        &[
            ("Capacity", Int64),
            ("CreatedAt", String),
            ("Decisions", List(&Struct("Decision"))),
            ("Events", List(&Struct("AlertEvent"))),
            ("EventsCount", Int64),
            ("ID", Int64),
            ("Kind", String),
            ("Labels", STRINGS),
            ("Leakspeed", String),
            ("MachineID", String),
            ("Message", String),
            ("Meta", List(&Struct("MetaItems0"))),
            ("Remediation", Bool),
            ("Scenario", String),
            ("ScenarioHash", String),
            ("ScenarioVersion", String),
            ("Simulated", Bool),
            ("Source", Struct("Source")),
            ("StartAt", String),
            ("StopAt", String),
            ("UUID", String),
        ],
        &[
            ("GetEventsCount", &[], Int64),
            ("GetMeta", &[String], String),
            ("GetScenario", &[], String),
            ("GetScope", &[], String),
            ("GetValue", &[], String),
        ],
    ),
    structure(
        "Source",
        &[
            ("AsName", String),
            ("AsNumber", String),
            ("Cn", String),
            ("IP", String),
            ("Latitude", Float),
            ("Longitude", Float),
            ("Range", String),
            ("Scope", String),
            ("Value", String),
        ],
        &[
            ("GetAsNumberName", &[], String),
            ("GetScope", &[], String),
            ("GetValue", &[], String),
            ("String", &[], String),
        ],
    ),
    structure(
        "AlertEvent",
        &[("Meta", List(&Struct("MetaItems0"))), ("Timestamp", String)],
        &[("GetMeta", &[String], String)],
    ),
    structure("MetaItems0", &[("Key", String), ("Value", String)], &[]),
    structure(
        "Decision",
        &[
            ("Duration", String),
            ("ID", Int64),
            ("Origin", String),
            ("Scenario", String),
            ("Scope", String),
            ("Simulated", Bool),
            ("Type", String),
            ("UUID", String),
            ("Until", String),
            ("Value", String),
        ],
        &[],
    ),
    structure(
        "Queue",
        &[("L", Int), ("Queue", List(&Struct("Event")))],
        &[("GetQueue", &[], List(&Struct("Event")))],
    ),
    structure(
        "Leaky",
        &[
            ("Duration", Duration),
            ("Factory", Any),
            ("First_ts", Time),
            ("Last_ts", Time),
            ("Limiter", Struct("RateLimiter")),
            ("Mapkey", String),
            ("Mode", Int),
            ("Ovflw_ts", Time),
            ("Queue", Struct("Queue")),
            ("SerializedState", Struct("Lstate")),
            ("Total_count", Int),
            ("Uuid", String),
        ],
        &[],
    ),
    structure(
        "RateLimiter",
        &[],
        &[
            ("Allow", &[], Bool),
            ("AllowN", &[Time, Int], Bool),
            ("Dump", &[], Struct("Lstate")),
            ("GetTokensCount", &[], Float),
            ("GetTokensCountAt", &[Time], Float),
        ],
    ),
    structure(
        "Lstate",
        &[("Burst", Int), ("Last", Time), ("LastEvent", Time), ("Limit", Float), ("Tokens", Float)],
        &[],
    ),
    structure(
        "AppsecEvent",
        &[
            ("HasInBandMatches", Bool),
            ("HasOutBandMatches", Bool),
            ("HookVars", STRING_MAP),
            ("MatchedRules", RULES),
            ("Vars", STRING_MAP),
        ],
        APPSEC_METHODS,
    ),
    Structure {
        name: "MatchedRules",
        ty: RULES,
        fields: &[],
        methods: RULE_METHODS,
        items: Some(ANY_MAP),
        values: None,
    },
    structure("RuleSeverity", &[], &[("Int", &[], Int), ("String", &[], String)]),
    structure(
        "Request",
        &[
            ("Close", Bool),
            ("ContentLength", Int64),
            ("Form", LISTS),
            ("Header", Struct("Header")),
            ("Host", String),
            ("Method", String),
            ("Pattern", String),
            ("PostForm", LISTS),
            ("Proto", String),
            ("ProtoMajor", Int),
            ("ProtoMinor", Int),
            ("RemoteAddr", String),
            ("RequestURI", String),
            ("Trailer", Struct("Header")),
            ("TransferEncoding", STRINGS),
            ("URL", Struct("URL")),
        ],
        &[
            ("Cookies", &[], List(&Any)),
            ("FormValue", &[String], String),
            ("PathValue", &[String], String),
            ("PostFormValue", &[String], String),
            ("ProtoAtLeast", &[Int, Int], Bool),
            ("Referer", &[], String),
            ("UserAgent", &[], String),
        ],
    ),
    Structure {
        name: "Header",
        ty: Struct("Header"),
        fields: &[],
        methods: &[("Get", &[String], String), ("Values", &[String], STRINGS)],
        items: None,
        values: Some(STRINGS),
    },
    structure(
        "URL",
        &[
            ("ForceQuery", Bool),
            ("Fragment", String),
            ("Host", String),
            ("Opaque", String),
            ("Path", String),
            ("RawFragment", String),
            ("RawPath", String),
            ("RawQuery", String),
            ("Scheme", String),
        ],
        &[
            ("EscapedFragment", &[], String),
            ("EscapedPath", &[], String),
            ("Hostname", &[], String),
            ("IsAbs", &[], Bool),
            ("Port", &[], String),
            ("Query", &[], LISTS),
            ("Redacted", &[], String),
            ("RequestURI", &[], String),
            ("String", &[], String),
        ],
    ),
    structure("Weekday", &[], &[("String", &[], String)]),
    structure("Month", &[], &[("String", &[], String)]),
    structure(
        "SmokeItem",
        &[
            ("AsName", String),
            ("AsNum", Int),
            ("AttackDetails", List(&Any)),
            ("BackgroundNoise", String),
            ("BackgroundNoiseScore", Int),
            ("Behaviors", List(&Any)),
            ("CVEs", STRINGS),
            ("Classifications", Any),
            ("Confidence", String),
            ("History", Any),
            ("Ip", String),
            ("IpRange", String),
            ("IpRangeScore", Int),
            ("IsOk", Bool),
            ("Location", Any),
            ("References", List(&Any)),
            ("Reputation", String),
            ("ReverseDNS", String),
            ("Scores", Any),
            ("TargetCountries", Map(&Int)),
        ],
        &[
            ("GetAttackDetails", &[], STRINGS),
            ("GetBackgroundNoiseScore", &[], Int),
            ("GetBehaviors", &[], STRINGS),
            ("GetClassifications", &[], STRINGS),
            ("GetFalsePositives", &[], STRINGS),
            ("GetMaliciousnessScore", &[], Float),
            ("IsFalsePositive", &[], Bool),
            ("IsPartOfCommunityBlocklist", &[], Bool),
        ],
    ),
    structure("HTTPResponse", &[("Body", String), ("Headers", LISTS), ("StatusCode", Int)], &[]),
];
