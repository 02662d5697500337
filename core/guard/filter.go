package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/packhouse/packhouse/core/errs"
)

const (
	// maxFilter is the longest filter in bytes.
	maxFilter = 1000
	// filterTime is how long a filter may take.
	filterTime = 250 * time.Millisecond
)

// functions are those of jq that pick and compare. Filters run for anybody who asks for content, so nothing is among
// them that makes much of little: no loops, no repetition of texts, no copies of the input beside each other.
const functions = " select first last map test startswith endswith ascii_downcase ascii_upcase ltrimstr rtrimstr trim ltrim rtrim split join length not " +
	"empty any all has contains index keys values type tostring tonumber fromjson to_entries true false null add sort unique "

// compile reads a filter and refuses what does more than pick and compare.
func compile(filter string) (*gojq.Code, error) {
	if len(filter) > maxFilter {
		return nil, errs.New(errs.Invalid, "A filter has at most %d bytes.", maxFilter)
	}
	query, err := gojq.Parse(filter)
	if err != nil {
		return nil, errs.New(errs.Invalid, "This is not a jq filter: %s.", err)
	}
	if word := beyond(reflect.ValueOf(query)); word != "" {
		return nil, errs.New(errs.Invalid, "A filter may pick and compare, but not use %s.", word)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, errs.New(errs.Invalid, "This is not a jq filter: %s.", err)
	}
	return code, nil
}

// beyond looks through a parsed filter for what is not allowed in one, and gives its name.
func beyond(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		if word := beyondNode(v.Interface()); word != "" {
			return word
		}
		return beyond(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if word := beyond(v.Index(i)); word != "" {
				return word
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if word := beyond(v.Field(i)); word != "" {
				return word
			}
		}
	}
	return ""
}

// allowedOperators are those that make nothing bigger.
func allowedOperator(op gojq.Operator) bool {
	return slices.Contains([]gojq.Operator{0, gojq.OpPipe, gojq.OpAlt, gojq.OpEq, gojq.OpNe, gojq.OpGt, gojq.OpLt, gojq.OpGe, gojq.OpLe, gojq.OpAnd, gojq.OpOr}, op)
}

func beyondNode(node any) string {
	switch n := node.(type) {
	case *gojq.Query:
		if !allowedOperator(n.Op) {
			return "the operator " + n.Op.String()
		}
	case *gojq.Func:
		if !strings.Contains(functions, " "+n.Name+" ") {
			return n.Name
		}
	case *gojq.Term:
		if n.Format != "" {
			return n.Format
		}
	case *gojq.FuncDef, *gojq.Reduce, *gojq.Foreach, *gojq.Label, *gojq.Import, *gojq.Object, *gojq.Pattern:
		return fmt.Sprintf("%v", node)
	case *gojq.String:
		if len(n.Queries) > 0 {
			return "interpolation in a text"
		}
	}
	return ""
}

// pick runs a filter over JSON text and gives its first result, which must be a text.
func pick(ctx context.Context, filter, text string) (string, error) {
	code, err := compile(filter)
	if err != nil {
		return "", refused("the filter of the content guard cannot be run")
	}
	var input any
	if err := json.Unmarshal([]byte(text), &input); err != nil {
		return "", refused("the header that lets requests through is not JSON")
	}
	ctx, cancel := context.WithTimeout(ctx, filterTime)
	defer cancel()
	result, _ := code.RunWithContext(ctx, input).Next()
	value, ok := result.(string)
	if !ok {
		return "", refused("the header that lets requests through does not hold what is looked for")
	}
	return value, nil
}
