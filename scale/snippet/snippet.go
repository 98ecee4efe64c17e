// Package snippet writes what a user pastes: the rule of a pool in the language of the program, and the configuration
// of a sender of webhooks. It also finds out which resources and config keys of a stack a pool may be made of.
//
// It is pure: values in, text out. It reads and edits no file.
package snippet

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"
)

// Language is a language that a rule can be written in.
type Language string

// The languages. JavaScript is JavaScript with CommonJS, ESModule is JavaScript with modules.
const (
	TypeScript Language = "typescript"
	JavaScript Language = "javascript"
	ESModule   Language = "esmodule"
	Python     Language = "python"
	Go         Language = "go"
	YAML       Language = "yaml"
	CSharp     Language = "csharp"
	Java       Language = "java"
)

// Languages returns all known languages.
func Languages() []Language {
	return []Language{TypeScript, JavaScript, ESModule, Python, Go, YAML, CSharp, Java}
}

// Rule is a rule to write. Its fields mean the same as the fields of a rule in docs/rules.md.
type Rule struct {
	Pool string
	// Resource is what the program calls the pool's resource; empty if Pattern says which resources the pool has.
	Resource string
	Pattern  string
	// ConfigKey is the key as the program reads it.
	ConfigKey  string
	ConfigPath bool
	Min, Max   int
	// Current is the resource's property that holds the real size, in Pulumi's spelling, such as desiredCapacity, or
	// spec.replicas for a property inside another; empty if there is none.
	Current string
	// List is what the program calls the list of the resources that Pattern stands for. If Current is empty, the real
	// size is how many of these resources exist. If both are empty, the rule exports no real size.
	List string
}

//go:embed templates
var templates embed.FS

// Export returns the code that exports the rule as the stack output.
func (l Language) Export(r Rule) (string, error) {
	text, err := fill("templates/rule."+string(l)+".tmpl", l.functions(), r)
	if err == nil && l == Go {
		var source []byte
		source, err = format.Source([]byte(text))
		text = string(source)
	}
	return text, err
}

// Reads returns the expression with which a program reads the rule's count from the configuration; empty if one
// expression is not enough. A user needs the expression if the program does not read the count from the configuration
// yet.
func (l Language) Reads(r Rule) string {
	if r.ConfigPath {
		return ""
	}
	namespace, key, other := strings.Cut(r.ConfigKey, ":")
	if !other {
		namespace, key = "", r.ConfigKey
	}
	quoted := ""
	if other {
		quoted = quote(namespace)
	}
	switch l {
	case TypeScript, JavaScript, ESModule:
		return fmt.Sprintf("new pulumi.Config(%s).requireNumber(%s)", quoted, quote(key))
	case Python:
		return fmt.Sprintf("pulumi.Config(%s).require_int(%s)", quoted, quote(key))
	case Go:
		return fmt.Sprintf("config.New(ctx, %s).RequireInt(%s)", quote(namespace), quote(key))
	case YAML:
		return "${" + r.ConfigKey + "}"
	case CSharp:
		return fmt.Sprintf("new Config(%s).RequireInt32(%s)", quoted, quote(key))
	case Java:
		return fmt.Sprintf("ctx.config(%s).requireInteger(%s)", quoted, quote(key))
	}
	return ""
}

func fill(name string, functions template.FuncMap, data any) (string, error) {
	source, err := templates.ReadFile(name)
	if err != nil {
		return "", err
	}
	parsed, err := template.New(name).Delims("<<", ">>").Funcs(functions).Parse(string(source))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, data)
	return out.String(), err
}

// functions returns the functions that the templates of a language use.
func (l Language) functions() template.FuncMap {
	return template.FuncMap{"quote": quote, "plain": plain, "variable": l.variable, "size": l.size}
}

// quote returns a string in double quotes, which is right in all these languages: the names that occur contain no
// characters that the languages read differently.
func quote(text string) string { return strconv.Quote(text) }

// bare matches what YAML reads as a string without quotes.
var bare = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*(:[A-Za-z][A-Za-z0-9_.-]*)*$`)

// plain returns a string as YAML writes it, with quotes only if YAML needs them.
func plain(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return quote(text)
	}
	if bare.MatchString(text) {
		return text
	}
	return quote(text)
}

// variable guesses from a resource's name what the program calls the resource: an identifier of the language. In YAML
// variable returns the name itself, in quotes and brackets if the name is not a plain word.
func (l Language) variable(name string) string {
	if l == YAML {
		if bare.MatchString(name) && !strings.ContainsAny(name, ".:") {
			return name
		}
		return "[" + quote(name) + "]"
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 || unicode.IsDigit(rune(words[0][0])) {
		words = append([]string{"resource"}, words...)
	}
	if len(words) == 1 && isReserved(strings.ToLower(words[0])) {
		words = append(words, "resource")
	}
	if l == Python {
		return strings.ToLower(strings.Join(words, "_"))
	}
	for i, word := range words {
		first := strings.ToUpper(word[:1])
		if i == 0 {
			first = strings.ToLower(first)
		}
		words[i] = first + word[1:]
	}
	return strings.Join(words, "")
}

// isReserved says whether a word means something in one of the languages.
func isReserved(word string) bool {
	return slices.Contains(strings.Fields("and as assert async await base bool break case catch chan class const continue ctx def default defer del delete do double "+
		"elif else enum except export extends false final finally float fn for from func function global go goto if implements import in "+
		"int interface is lambda let lock map namespace new nil none nonlocal not null object or out package params pass private protected public "+
		"pulumi raise range readonly ref return select static string struct super switch this throw true try type typeof using var void "+
		"while with yield"), word)
}

// Counts says whether a rule in the language can count the resources of a list. YAML has no lists of resources, and a
// rule in Java exports no such count.
func (l Language) Counts() bool { return l != YAML && l != Java }

// size returns the expression for the real size; empty if the rule has none.
func (l Language) size(r Rule) string {
	if r.Current == "" {
		return l.length(r.List)
	}
	path := strings.Split(r.Current, ".")
	for i, name := range path {
		path[i] = l.property(name)
	}
	of, inner := l.variable(r.Resource), ""
	if len(path) > 1 {
		inner = path[1]
	}
	switch {
	case l == Java && inner != "":
		return fmt.Sprintf("%s.%s().applyValue(of -> of.%s().orElse(0))", of, path[0], inner)
	case l == Java:
		return of + "." + path[0] + "()"
	case l == Go && inner != "":
		return fmt.Sprintf("%s.%s.%s()", of, path[0], inner)
	case l == CSharp && inner != "":
		return fmt.Sprintf("%s.%s.Apply(of => of.%s)", of, path[0], inner)
	}
	return of + "." + strings.Join(path, ".")
}

// length returns the expression that counts the existing resources in a list; empty if there is no list, or if the
// language cannot count. docs/rules.md has the same expression. A resource that a targeted update did not make has no
// id, and does not count.
func (l Language) length(list string) string {
	if list == "" || !l.Counts() {
		return ""
	}
	name := l.variable(list)
	switch l {
	case Python:
		return fmt.Sprintf("pulumi.Output.all(*[w.id for w in %s]).apply(lambda ids: len([id for id in ids if id]))", name)
	case Go: // the template declares ids before this expression
		return `pulumi.All(ids...).ApplyT(func(ids []any) int {
			exist := 0
			for _, id := range ids {
				if id != pulumi.ID("") {
					exist++
				}
			}
			return exist
		})`
	case CSharp:
		return fmt.Sprintf("Output.All(%s.Select(w => w.Id)).Apply(ids => ids.Count(id => !string.IsNullOrEmpty(id)))", name)
	}
	return fmt.Sprintf("pulumi.all(%s.map((w) => w.id)).apply((ids) => ids.filter(Boolean).length)", name)
}

// property returns the name of a resource's property as the language spells it.
func (l Language) property(name string) string {
	switch l {
	case Python:
		var out strings.Builder
		for i, r := range name {
			if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
				out.WriteByte('_')
			}
			out.WriteRune(unicode.ToLower(r))
		}
		return out.String()
	case Go, CSharp:
		return strings.ToUpper(name[:1]) + name[1:]
	}
	return name
}
