package rest

import (
	"errors"
	"net/http"
	"unicode"
	"unicode/utf8"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/transport/dialect"
)

// What the transport refuses by itself.
var (
	errNoPath        = &marconi.Error{Kind: marconi.NotFound, Code: "path"}
	errSigned        = &marconi.Error{Kind: marconi.NotFound, Code: "signature", Text: "the signature of the URL is not valid here"}
	errMethod        = &marconi.Error{Kind: marconi.Invalid, Code: "method"}
	errNoMethod      = marconi.Refuse("method-word", "the method is none of HTTP")
	errFormType      = marconi.Refuse("form-type", "a form is not taken; the body has to be JSON")
	errNotAcceptable = marconi.Refuse("accept", "the header Accept has to allow application/json")
	errNoClient      = marconi.Refuse("client-missing", "the request needs the header Client-ID")
	errNoProject     = marconi.Refuse("project-missing", "the request needs the header X-Project-ID")
	errEmptyProject  = marconi.Refuse("project-empty", "the header X-Project-ID is empty")
	errBodyCut       = marconi.Refuse(dialect.CodeBody, "the body ended before the length that was announced")
	errNoIDs         = marconi.Refuse("parameter-missing", "the parameter ids is missing")
	errOverfull      = &marconi.Error{Kind: marconi.Unavailable, Code: "overfull", Text: "the server is taking in as many bytes at the moment as it may"}
	errBug           = &marconi.Error{Kind: marconi.Internal, Code: "bug", Text: "panic"}

	// errClaimGone is ErrNoClaim where the claim was to be the right to do something, not what was asked for.
	errClaimGone = marconi.Refuse("claim-of-message-gone", marconi.ErrNoClaim.Text)
)

// badParameter refuses a parameter of the wrong type.
func badParameter(name, wanted string) error {
	return marconi.Refuse("parameter", "the parameter "+name+" has to be "+wanted)
}

// An outcome is how an error shows.
type outcome struct {
	status int
	title  string
}

// byCode are the outcomes of the errors that have one of their own.
var byCode = map[string]outcome{
	errNoPath.Code:        {http.StatusNotFound, "404 Not Found"},
	errMethod.Code:        {http.StatusMethodNotAllowed, "405 Method Not Allowed"},
	errNoMethod.Code:      {http.StatusBadRequest, "Bad request"},
	errFormType.Code:      {http.StatusBadRequest, "Invalid Content-Type"},
	errNotAcceptable.Code: {http.StatusNotAcceptable, "All answers of this API are JSON"},
	errNoClient.Code:      {http.StatusBadRequest, "Missing header value"},
	"client-id":           {http.StatusBadRequest, "Wrong UUID value"},
	errNoProject.Code:     {http.StatusBadRequest, "Project-Id Missing"},
	errEmptyProject.Code:  {http.StatusBadRequest, "Empty project header not allowed"},
	"queue-name":          {http.StatusBadRequest, "Invalid queue identification"},
	"project-length":      {http.StatusBadRequest, "Invalid queue identification"},
	"parameter":           {http.StatusBadRequest, "Invalid parameter"},
	errNoIDs.Code:         {http.StatusBadRequest, "Missing parameter"},
	dialect.CodeBody:      {http.StatusBadRequest, "Invalid request body"},

	marconi.ErrClaimed.Code:    {http.StatusForbidden, "Unable to delete"},
	marconi.ErrNotOwner.Code:   {http.StatusForbidden, "Unable to delete"},
	marconi.ErrNotClaimed.Code: {http.StatusBadRequest, "Unable to delete"},
	errClaimGone.Code:          {http.StatusBadRequest, "Unable to delete"},
}

// byKind are the outcomes of all others.
var byKind = map[marconi.Kind]outcome{
	marconi.Internal:        {http.StatusInternalServerError, "Internal server error"},
	marconi.Invalid:         {http.StatusBadRequest, "Invalid API request"},
	marconi.NotFound:        {http.StatusNotFound, "Not found"},
	marconi.Conflict:        {http.StatusConflict, "Resource conflict"},
	marconi.Unauthenticated: {http.StatusUnauthorized, "Unauthorized"},
	marconi.Forbidden:       {http.StatusForbidden, "Not authorized"},
	marconi.Exhausted:       {http.StatusTooManyRequests, "Too many requests"},
	marconi.Unavailable:     {http.StatusServiceUnavailable, "Service temporarily unavailable"},
}

// retryAfter is when to try again what was unavailable, in seconds, as the first releases of the API had it.
const retryAfter = "30"

// help is where one who can't read JSON may turn to.
const help = `,"link":{"text":"The versions of the API","href":"/","rel":"help"}`

// named is the error as the domain has it. Whatever has no name is the store's trouble.
func named(err error) *marconi.Error {
	var e *marconi.Error
	if !errors.As(err, &e) {
		return marconi.ErrUnavailable
	}
	return e
}

// refusal is the reply to a request that came to nothing. The words are those of the error's name alone: what wraps it is
// for the log, and so is the whole of an Internal one.
func (c *call) refusal(err error) reply {
	e := named(err)
	o, found := byCode[e.Code]
	if !found {
		o = byKind[e.Kind]
	}
	text := e.Text
	if e.Kind == marconi.Internal {
		text = "something went wrong in the server; its log has more, under the request's ID"
	}
	rep := reply{status: o.status, vary: "Accept", body: c.appendError(o, text)}
	switch o.status {
	case http.StatusServiceUnavailable:
		rep.retryAfter = retryAfter
	case http.StatusMethodNotAllowed:
		rep.allow = c.allow + ", OPTIONS"
	}
	return rep
}

func (c *call) appendError(o outcome, text string) []byte {
	body := append(c.buffer(), `{"title":"`...)
	body = append(body, o.title...)
	body = append(body, '"')
	if text != "" {
		body = append(body, `,"description":`...)
		body = dialect.AppendString(body, sentence(text))
	}
	if o.status == http.StatusNotAcceptable {
		body = append(body, help...)
	}
	return c.keep(append(body, '}'))
}

// sentence begins a text with a capital and ends it with a full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// bare is a failure that the API has always answered without a word.
func bare(status int) reply {
	rep := reply{status: status}
	if status == http.StatusServiceUnavailable {
		rep.retryAfter = retryAfter
	}
	return rep
}
