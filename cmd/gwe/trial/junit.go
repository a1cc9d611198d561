package trial

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// The elements of the JUnit report that every CI system reads; there is no standard but what Ant wrote first.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
		seconds  float64
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes results as JUnit XML, one suite a file.
func WriteJUnit(to io.Writer, results []Result) error {
	all := junitSuites{}
	seconds := 0.0
	for _, one := range results {
		if count := len(all.Suites); count == 0 || all.Suites[count-1].Name != one.File {
			all.Suites = append(all.Suites, junitSuite{Name: one.File})
		}
		suite := &all.Suites[len(all.Suites)-1]
		made := junitCase{
			Class: strings.TrimSuffix(one.File, Suffix), Name: printable(one.title()), File: one.File, Line: one.Line, Time: clock(one.Seconds),
		}
		if !one.Passed() {
			message := one.Problems[0]
			if one.Error != "" {
				message += ": " + one.Error // many systems show this line alone
			}
			made.Failure = &junitFailure{
				Message: printable(message),
				Text:    printable(strings.Join(one.Problems, "\n") + "\n\n" + one.Log),
			}
			suite.Failures++
			all.Failures++
		}
		suite.Cases = append(suite.Cases, made)
		suite.Tests++
		all.Tests++
		seconds += one.Seconds
		suite.seconds += one.Seconds
		suite.Time = clock(suite.seconds)
	}
	all.Time = clock(seconds)
	if _, err := io.WriteString(to, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(to)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(to, "\n")
	return err
}

// title names the test in its file.
func (r Result) title() string {
	if r.Fault == "" {
		return r.Case
	}
	return r.Case + ": " + r.Fault
}

func clock(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }

// printable leaves out what XML 1.0 cannot say.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
