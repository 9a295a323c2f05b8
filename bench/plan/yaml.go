package plan

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxSource   = 256 << 10 // bytes: the parser's time grows with the square
	maxDepth    = 16        // of nesting; a plan needs six
	maxBrackets = 64        // open at once, those in texts and comments included
)

// pos is a place in the source, both from 1; zero is nowhere.
type pos struct{ line, column int }

// A node is a piece of YAML, without what a plan has no use for: anchors, aliases, tags, several documents.
type node struct {
	pos
	kind  kind
	text  string // of a scalar
	pairs []pair // of a mapping
	items []node // of a sequence
}

type pair struct {
	pos // of the key
	key string
	val node
}

type kind string

const (
	scalar   kind = "a value"
	mapping  kind = "a mapping"
	sequence kind = "a list"
	nothing  kind = "nothing"
)

// A misplaced error has its place with it.
type misplaced struct {
	at   pos
	text string
}

func (e *misplaced) Error() string { return e.text }

// parseYAML gives the one document of the source.
func parseYAML(data []byte) (node, error) {
	if len(data) > maxSource {
		return node{}, &misplaced{text: fmt.Sprintf("a plan has at most %s", formatBytes(maxSource))}
	}
	if at, deep := tooDeep(data); deep {
		return node{}, &misplaced{at, errDeep}
	}
	// A key that stands twice is found later, by all its places; and the parts of a mix may have the same share.
	file, err := parseSafely(data)
	if err != nil {
		return node{}, syntaxError(err)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType && doc.Body.Type() != ast.CommentGroupType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return node{}, &misplaced{at: pos{1, 1}, text: "the plan is empty"}
	case 1:
		return convert(bodies[0], 0)
	}
	return node{}, &misplaced{at: place(bodies[1]), text: "a second document: a file holds one plan"}
}

const errDeep = "too deep: nothing in a plan is nested like this"

// tooDeep finds what would keep the parser busy for minutes.
func tooDeep(data []byte) (at pos, deep bool) {
	open, line, start := 0, 1, 0
	for i, c := range data {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open--
		case '\n':
			line, start = line+1, i+1
		}
		if open > maxBrackets {
			return pos{line, utf8.RuneCount(data[start:i]) + 1}, true
		}
	}
	return pos{}, false
}

// parseSafely is the parser, with a panic of it as an error: it is not our bug, and a plan is somebody's typing.
func parseSafely(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("no YAML: %v", p)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

func syntaxError(err error) error {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return &misplaced{at: pos{1, 1}, text: err.Error()}
	}
	e := &misplaced{text: "no YAML: " + syntax.Message}
	if syntax.Token != nil {
		e.at = position(syntax.Token)
	}
	return e
}

func position(t *token.Token) pos {
	if t == nil || t.Position == nil {
		return pos{}
	}
	return pos{t.Position.Line, t.Position.Column}
}

// place is where a node begins; that of a mapping without braces is its first key, not its colon.
func place(n ast.Node) pos {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return place(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(n.Key)
	}
	return position(n.GetToken())
}

func convert(n ast.Node, depth int) (node, error) {
	out := node{pos: place(n)}
	if depth > maxDepth {
		return node{}, &misplaced{out.pos, errDeep}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return convertMapping(out, n.Values, depth)
	case *ast.MappingValueNode:
		return convertMapping(out, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out.kind = sequence
		for _, v := range n.Values {
			item, err := convert(v, depth+1)
			if err != nil {
				return node{}, err
			}
			out.items = append(out.items, item)
		}
		return out, nil
	case *ast.NullNode:
		out.kind = nothing
		return out, nil
	}
	return convertScalar(out, n)
}

func convertScalar(out node, n ast.Node) (node, error) {
	out.kind = scalar
	switch n := n.(type) {
	case *ast.StringNode:
		out.text = n.Value
	case *ast.LiteralNode:
		out.text = strings.TrimSpace(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.text = n.GetToken().Value // as it is written: 1 and 1.1 are versions, not numbers
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return node{}, &misplaced{out.pos, "a plan has no anchors, aliases, merge keys or tags"}
	default:
		return node{}, &misplaced{out.pos, "a plan is made of mappings, lists and values"}
	}
	return out, nil
}

func convertMapping(out node, values []*ast.MappingValueNode, depth int) (node, error) {
	out.kind = mapping
	for _, v := range values {
		key, err := convert(v.Key, depth+1)
		if err != nil {
			return node{}, err
		}
		if key.kind != scalar {
			return node{}, &misplaced{key.pos, "a key is a word"}
		}
		val, err := convert(v.Value, depth+1)
		if err != nil {
			return node{}, err
		}
		out.pairs = append(out.pairs, pair{key.pos, key.text, val})
	}
	return out, nil
}

// oneLine gives a value as text: itself, or a mapping such as {mix: {0.8: 80B}} as mix:{0.8: 80B}.
func (n node) oneLine() (string, bool) {
	switch {
	case n.kind == scalar:
		return n.text, true
	case n.kind != mapping || len(n.pairs) != 1:
		return "", false
	}
	p := n.pairs[0]
	if p.val.kind == scalar {
		return p.key + ":" + p.val.text, true
	}
	if p.val.kind != mapping {
		return "", false
	}
	inside := make([]string, len(p.val.pairs))
	for i, q := range p.val.pairs {
		if q.val.kind != scalar {
			return "", false
		}
		inside[i] = q.key + ": " + q.val.text
	}
	return p.key + ":{" + strings.Join(inside, ", ") + "}", true
}
