package supervisor

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// encodeCall writes a request of XML-RPC; arguments are strings, ints and bools.
func encodeCall(method string, arguments ...any) []byte {
	var text bytes.Buffer
	text.WriteString(xml.Header + "<methodCall><methodName>" + method + "</methodName><params>")
	for _, argument := range arguments {
		text.WriteString("<param><value>")
		switch argument := argument.(type) {
		case string:
			text.WriteString("<string>")
			_ = xml.EscapeText(&text, []byte(argument)) // a buffer takes everything
			text.WriteString("</string>")
		case int:
			fmt.Fprintf(&text, "<int>%d</int>", argument)
		case bool:
			bit := 0
			if argument {
				bit = 1
			}
			fmt.Fprintf(&text, "<boolean>%d</boolean>", bit)
		}
		text.WriteString("</value></param>")
	}
	text.WriteString("</params></methodCall>")
	return text.Bytes()
}

// rpcFault is a fault that supervisord answers with.
type rpcFault struct {
	code int
	text string
}

func (f *rpcFault) Error() string { return f.text }

type response struct {
	XMLName xml.Name   `xml:"methodResponse"`
	Params  []xmlValue `xml:"params>param>value"`
	Fault   *xmlValue  `xml:"fault>value"`
}

type xmlValue struct {
	Text    string  `xml:",chardata"`
	String  *string `xml:"string"`
	Int     *string `xml:"int"`
	I4      *string `xml:"i4"`
	Boolean *string `xml:"boolean"`
	Double  *string `xml:"double"`
	Array   *struct {
		Values []xmlValue `xml:"data>value"`
	} `xml:"array"`
	Struct *struct {
		Members []struct {
			Name  string   `xml:"name"`
			Value xmlValue `xml:"value"`
		} `xml:"member"`
	} `xml:"struct"`
}

// decodeResponse gives the answer's one value: string, int, bool, float64, []any or map[string]any. A fault
// is an *rpcFault.
func decodeResponse(raw []byte) (any, error) {
	var answer response
	if err := xml.Unmarshal(legal(raw), &answer); err != nil {
		return nil, err
	}
	if answer.Fault != nil {
		told, err := answer.Fault.decode()
		if err != nil {
			return nil, err
		}
		members, _ := told.(map[string]any)
		code, ok := members["faultCode"].(int)
		if !ok {
			return nil, errors.New("a fault without a code")
		}
		text, _ := members["faultString"].(string)
		return nil, &rpcFault{code, text}
	}
	if len(answer.Params) != 1 {
		return nil, fmt.Errorf("an answer with %d values", len(answer.Params))
	}
	return answer.Params[0].decode()
}

func (v xmlValue) decode() (any, error) {
	switch {
	case v.String != nil:
		return *v.String, nil
	case v.Int != nil:
		return strconv.Atoi(strings.TrimSpace(*v.Int))
	case v.I4 != nil:
		return strconv.Atoi(strings.TrimSpace(*v.I4))
	case v.Boolean != nil:
		return strconv.ParseBool(strings.TrimSpace(*v.Boolean))
	case v.Double != nil:
		return strconv.ParseFloat(strings.TrimSpace(*v.Double), 64)
	case v.Array != nil:
		list := make([]any, 0, len(v.Array.Values))
		for _, one := range v.Array.Values {
			decoded, err := one.decode()
			if err != nil {
				return nil, err
			}
			list = append(list, decoded)
		}
		return list, nil
	case v.Struct != nil:
		members := make(map[string]any, len(v.Struct.Members))
		for _, member := range v.Struct.Members {
			decoded, err := member.Value.decode()
			if err != nil {
				return nil, err
			}
			members[member.Name] = decoded
		}
		return members, nil
	}
	return v.Text, nil
}

// legal replaces what XML does not allow: supervisord sends a program's log as it is, colours, bells and all.
func legal(raw []byte) []byte {
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return r
		case r < ' ' || r == 0xFFFE || r == 0xFFFF || r == 0xFFFD:
			return '?'
		}
		return r
	}, raw)
}
