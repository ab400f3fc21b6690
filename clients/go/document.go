package latchkey

import (
	"bytes"
	"encoding/json"
)

// document reads a JSON object in a response field by field, with the type that each must have.
//
// err is the first thing that is wrong with it. After that, every method returns zero values.
type document struct {
	fields map[string]json.RawMessage
	kind   string
	err    *Error
}

func readDocument(body []byte, kind string) *document {
	found := document{kind: kind}
	// JSON's null decodes to a nil map.
	if err := json.Unmarshal(body, &found.fields); err != nil || found.fields == nil {
		found.err = unexpectedResponse("The response has no "+kind+".", 0)
	}
	return &found
}

func (d *document) text(name string) string     { return field[string](d, name, "text") }
func (d *document) boolean(name string) bool    { return field[bool](d, name, "true or false") }
func (d *document) integer(name string) int64   { return field[int64](d, name, "a whole number") }
func (d *document) texts(name string) []string  { return field[[]string](d, name, "a list of text") }
func (d *document) object(name string) object   { return field[object](d, name, "an object") }
func (d *document) has(name string) bool        { return d.err == nil && isSet(d.fields[name]) }
func (d *document) rawList(name string) rawList { return field[rawList](d, name, "a list") }

type (
	object  = map[string]any
	rawList = []json.RawMessage
)

// optional returns what read returns for the field, or the zero value if it's missing or null.
func optional[T any](d *document, name string, read func(string) T) (found T) {
	if d.has(name) {
		found = read(name)
	}
	return found
}

// optionalInteger returns the whole number in a field, or nil if it's missing or null.
func (d *document) optionalInteger(name string) *int64 {
	if !d.has(name) {
		return nil
	}
	found := d.integer(name)
	return &found
}

// adopt takes over what is wrong with a nested document.
func (d *document) adopt(inner *document) {
	if d.err == nil {
		d.err = inner.err
	}
}

func field[T any](d *document, name, kind string) (found T) {
	if d.err != nil {
		return found
	}
	var value *T
	if err := json.Unmarshal(d.fields[name], &value); err != nil || value == nil {
		d.err = unexpectedResponse("The response's "+d.kind+" has no "+name+" that is "+kind+".", 0)
		return found
	}
	return *value
}

func isSet(raw json.RawMessage) bool {
	return len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}
