package expression

import (
	"maps"
	"strings"
)

// functions are all that an expression may call, but for closureNames. Where expr and sprig both have a name,
// it is expr's. The table is never changed.
var functions = func() map[string]function {
	all := map[string]function{}
	for _, group := range []map[string]function{
		sprigText, sprigLists, sprigNumbers, convertFunctions, textFunctions, numberFunctions, listFunctions, dataFunctions,
	} {
		maps.Copy(all, group)
	}
	for alias, name := range otherNames {
		all[alias] = renamed(all[name], name, alias)
	}
	return all
}()

// otherNames are sprig's second names. Nothing here fails silently, so must- makes no difference.
var otherNames = map[string]string{
	"mustFirst": "first", "mustLast": "last", "mustReverse": "reverse", "mustUniq": "uniq", "mustHas": "has", "mustWithout": "without",
	"mustRest": "rest", "mustInitial": "initial", "push": "append", "mustPush": "append", "mustAppend": "append",
	"mustPrepend": "prepend", "mustCompact": "compact", "mustSlice": "slice", "mustChunk": "chunk", "biggest": "max",
	"mustRegexMatch": "regexMatch", "mustRegexFind": "regexFind", "mustRegexFindAll": "regexFindAll", "mustRegexSplit": "regexSplit",
	"mustRegexReplaceAll": "regexReplaceAll", "mustRegexReplaceAllLiteral": "regexReplaceAllLiteral",
	"mustToJson": "toJson", "toRawJson": "toJson", "mustToRawJson": "toJson", "mustToPrettyJson": "toPrettyJson",
	"mustFromJson": "fromJson",
}

// renamed gives a function under one of sprig's names, with sprig's place for a piped value.
func renamed(f function, name, alias string) function {
	signatures := make([]string, 0, len(f.signatures))
	for _, signature := range f.signatures {
		signatures = append(signatures, alias+strings.TrimPrefix(signature, name))
	}
	return function{signatures: signatures, call: f.call, last: true}
}

// leftOut are functions of expr and sprig that users may look for, each with the reason why it is not there.
var leftOut = reasons(map[string][]string{
	"the result would differ from run to run": {
		"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "uuidv4", "shuffle",
	},
	"expressions cannot see the clock": {
		"now", "ago", "date", "date_in_zone", "dateInZone", "date_modify", "dateModify", "must_date_modify", "mustDateModify",
		"mustToDate", "toDate", "htmlDate", "htmlDateInZone", "unixEpoch", "durationRound", "timezone",
	},
	"expressions cannot see the environment; declare an input": {"env", "expandenv"},
	"expressions cannot use the network":                       {"getHostByName"},
	"expressions make no keys and no ciphers": {
		"bcrypt", "htpasswd", "genPrivateKey", "derivePassword", "buildCustomCert", "genCA", "genCAWithKey", "genSelfSignedCert",
		"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "encryptAES", "decryptAES",
	},
	"it takes what is not a number for 0; write int(...) or float(...)": {"atoi", "int64", "float64", "toDecimal"},
	"it changes its argument; write a new map instead":                  {"set", "unset", "merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite"},
	"write FROM..TO":             {"seq", "until", "untilStep"},
	"write {name: value}":        {"dict"},
	"write MAP.name ?? DEFAULT":  {"dig", "pluck"},
	"types are known beforehand": {"type", "typeOf", "typeIs", "typeIsLike", "kindOf", "kindIs"},
	"write ==":                   {"deepEqual"},
	"values never change":        {"deepCopy", "mustDeepCopy"},
	"write [a, b]":               {"tuple"},
	"write version(...)":         {"semver"},
	"write split(...)":           {"splitn"},
	"write text + text":          {"urlJoin"},
	"write trimAll":              {"trimall"},
	"write base, dir, clean, ext or isAbs": {
		"osBase", "osDir", "osClean", "osExt", "osIsAbs",
	},
})

func reasons(groups map[string][]string) map[string]string {
	all := map[string]string{}
	for reason, names := range groups {
		for _, name := range names {
			all[name] = reason
		}
	}
	return all
}
