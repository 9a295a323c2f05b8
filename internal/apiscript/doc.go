// Package apiscript runs tests of the API that are written as scripts: requests, and what has to come back.
//
//	# A claimed message is left out of the listing, unless it is asked for.
//	versions v1.1
//	PUT $V/queues/demo
//	status 201
//	post 1 $V/queues/demo/messages
//	POST $V/queues/demo/claims {"ttl": 60, "grace": 60}
//	status 201
//	GET $V/queues/demo/messages?echo=true
//	status 200
//	json .messages []
//
// A script is a txtar archive: its comment section is the script, its files are bodies too large for a line, named
// @file. The package reads scripts ([Load]), runs them over a socket against a server that somebody else has put
// together ([Script.Run]), and counts which rows of a list of required tests they cover ([Coverage]). It knows HTTP/1.1
// and JSON; of the API it knows the two envelopes in which messages are posted, and nothing else.
//
// # Lines
//
// A line is a directive and its words. Words are set apart by blanks; one in 'single quotes' may hold blanks, and
// two quotes there are one. A line beginning with # is a note and is shown with the failures below it. A line beginning with [v1]
// or [v1 v2] holds for those versions only. $NAME and ${NAME} stand for variables, $$ for a dollar, ${TEXT*N} for N times
// TEXT and ${hex:C3A4} for bytes. $V is the base path of the version that runs, such as /v1.1.
//
// # The head
//
// The head says what server the script wants and comes before everything else.
//
//	versions v1 v1.1         the script runs once for each
//	option transport/NAME V  an option of the server's configuration
//	admin                    the same as: option DEFAULT/admin_mode true
//	needs fifo exact-claims  what a store has to be good for, so that the script is run over it: fifo, messages keep the order of
//	                         their posts; exact-claims, no two get one message
//	setup unit               admin mode, another project, and no headers but the project and the client
//
// Without the last, requests carry User-Agent, Accept: application/json, X-Project-ID: 123456 and a Client-ID.
//
// # Requests
//
// A directive in capitals is a request: its method, target and perhaps a body, which goes to the end of the line. A
// body may also be a quoted word, which may be empty, or @file. ${fill:N} in a body makes it N bytes long with the letter
// x, ${blanks:N} with blanks. Every answer has to be looked at.
//
//	PUT $V/queues/demo {"colour": "red"}
//	with NAME: VALUE         a header of the next request, in place of the usual one; again: one more
//	without NAME ...         headers that the next request lacks
//	client NAME, project P   whose requests these are from now on; none: nobody's; nothing: as at first
//	post N PATH [BODY]       posts N messages of TTL 300 and body BODY ({"n": 1} and so on), and wants 201
//	status-only              the next answer may break the house rules ([Target.Check]): no handler made it
//
// With a Content-Length of more than the body the request ends early; with Transfer-Encoding: chunked the body goes out
// in chunks.
//
// # Answers
//
//	status N ...             one of these; closed: the connection was closed without an answer
//	header NAME VALUE        ~ REGEXP instead of VALUE: the value matches
//	spelled NAME ...         these headers are there, and spelled so on the wire
//	no-header NAME ...       in no spelling
//	body TEXT                exactly; ~ REGEXP: matches; nothing: empty
//	body-has TEXT            somewhere in it
//	json PATH VALUE          the values at PATH all equal VALUE; 60 and 60.0 differ
//	json-list PATH [V, ...]  the values at PATH, in order
//	json-like PATH REGEXP    strings as they are, other values as JSON text
//	json-len PATH RANGE      elements of an array or object
//	json-range PATH RANGE    an integer; ranges are 5, 1..20, 0.. and ..9
//	json-ago PATH RANGE      a time of the form 2015-03-01T10:00:00Z, that many seconds ago by the server's clock
//	json-keys PATH A B C?    an object with exactly these keys, C may be lacking
//	json-type PATH TYPE      array, object, string, integer, number, boolean or null
//	json-absent PATH         nothing is there
//
// A PATH is .messages.0.body; a * in it stands for all elements, of which there must be at least one; . is the whole.
//
// # The rest
//
//	save NAME json PATH [~ REGEXP]      the value there: a string as it is, others as JSON; REGEXP cuts a part out
//	save NAME header HEADER [~ REGEXP]
//	set NAME TEXT
//	for A B in 1 2 3 4 … end            the block for each pair; the same with one name or more
//	each NAME PATH … end                the block for each value at PATH in the last answer
//	repeat N … end                      with $i counting from 1
//	include NAME                        the lines of include/NAME.txt
//	advance 61s                         turns the server's clock
//	store WORD ...                      makes the store misbehave, in words that the harness knows
//	row SECTION NAME                    what follows covers that row
package apiscript
