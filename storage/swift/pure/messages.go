package pure

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// manyMessages are so many that it may be their number for which a post had not enough time: each is an object.
const manyMessages = 50

// errTooMany is told to clients: who repeats such a post as it is fares no better.
var errTooMany = &marconi.Error{
	Kind: marconi.Unavailable, Code: "slow-post", Text: "the store could not take so many messages in the time there is: post fewer at once",
}

// Post implements [marconi.DataStore], but for one thing: of several messages a reader may see some before the others, and
// if the process dies amid the call, some may stay alone.
func (s *Store) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	if err := s.door.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	ctx, cancel := context.WithTimeout(ctx, s.o.PostTime) // stored later, a reader might have passed its names
	defer cancel()
	names := s.names.next(len(p.Messages))
	now := s.millis()
	uploads := make([]objects.Upload, len(names))
	ids := make([]marconi.MessageID, len(names))
	for i, name := range names {
		uploads[i] = uploadOf(name, p.Messages[i], p.Client, now)
		ids[i] = marconi.MessageID(name)
	}
	if err := s.upload(ctx, q, uploads); err != nil {
		slow := errors.Is(ctx.Err(), context.DeadlineExceeded)
		s.undo(ctx, s.placeOf(q), uploads, slow)
		s.lookSoon(q)
		if slow && len(names) >= manyMessages {
			s.o.Logger.Warn("a post had not enough time", "messages", len(names), "error", err)
			err = errTooMany
		}
		return nil, fmt.Errorf("post %d messages: %w", len(names), err)
	}
	s.tellPosted(q, names, p, now)
	return ids, nil
}

func uploadOf(name string, m marconi.NewMessage, client marconi.ClientID, now int64) objects.Upload {
	a := messageAttributes{expires: now + m.TTL.Duration().Milliseconds(), ttl: m.TTL, client: client, checksum: m.Checksum}
	if m.Delay > 0 {
		a.due = now + m.Delay.Duration().Milliseconds()
	}
	return objects.Upload{Name: messagePrefix + name, Body: m.Body, Attributes: a.attributes()}
}

// attributes are those of the message's object.
func (m messageAttributes) attributes() objects.Attributes {
	return objects.Attributes{ContentType: m.String(), DeleteAt: unixSeconds(m.keptUntil())}
}

// upload stores messages: one by a PUT; several, or the first of this process to the queue in a while, together with what says whose the
// container is.
func (s *Store) upload(ctx context.Context, q marconi.QueueRef, uploads []objects.Upload) error {
	at := s.placeOf(q)
	if len(uploads) == 1 && s.ready.has(at.stem, s.o.Now()) {
		err := s.putOne(ctx, at, uploads[0])
		if !errors.Is(err, objects.ErrContainer) {
			return err
		}
		s.ready.drop(at.stem) // somebody has deleted the queue, and a late post makes it anew, to expire by itself
	}
	return s.uploadMany(ctx, q, uploads)
}

// putOne stores a message.
func (s *Store) putOne(ctx context.Context, at place, u objects.Upload) error {
	path := objects.Path{Container: at.containerOf(messageOf(u.Name)), Name: u.Name}
	return s.store(ctx, path.Container, []objects.Upload{u}, func([]objects.Upload) error {
		err := s.c.Put(ctx, path, u.Body, u.Attributes, objects.Once)
		if said(err) {
			err = &objects.PartError{Failed: []string{u.Name}, Err: err}
		}
		return err
	})
}

// said reports whether Swift itself says that it failed.
func said(err error) bool {
	var s *objects.StatusError
	return errors.As(err, &s) && !s.Between()
}

// uploadMany stores messages in their containers.
func (s *Store) uploadMany(ctx context.Context, q marconi.QueueRef, uploads []objects.Upload) error {
	at := s.placeOf(q)
	byContainer := map[string][]objects.Upload{}
	begun := s.o.Now()
	isReady := s.ready.has(at.stem, begun)
	if !isReady {
		byContainer[at.stem] = []objects.Upload{cardOf(q)}
	}
	for _, u := range uploads {
		container := at.containerOf(messageOf(u.Name))
		byContainer[container] = append(byContainer[container], u)
	}
	containers := make([]string, 0, len(byContainer))
	for container := range byContainer {
		containers = append(containers, container)
	}
	err := s.parallel(len(containers), func(i int) error { return s.putMany(ctx, containers[i], byContainer[containers[i]]) })
	if err != nil {
		return err
	}
	if !isReady {
		s.ready.add(at.stem, begun)
	}
	return nil
}

// putMany stores objects in a container, which a bulk upload makes if it has to.
func (s *Store) putMany(ctx context.Context, container string, uploads []objects.Upload) error {
	return s.store(ctx, container, uploads, func(left []objects.Upload) error { return s.c.PutMany(ctx, container, left) })
}

// store has put store objects, and again only what is known not to be stored: of the rest something may be consumed by now, and would come
// back.
func (s *Store) store(ctx context.Context, container string, uploads []objects.Upload, put func([]objects.Upload) error) error {
	for n := 1; ; n++ {
		err := put(uploads)
		var part *objects.PartError
		isKnown := true
		switch {
		case err == nil:
			return nil
		case errors.As(err, &part):
			uploads = slices.DeleteFunc(slices.Clone(uploads), func(u objects.Upload) bool { return !slices.Contains(part.Failed, u.Name) })
		case errors.Is(err, objects.ErrContainer):
			return err
		default:
			uploads, isKnown = s.missing(ctx, container, uploads, said(err) || n == 1 && len(uploads) == 1 && errors.Is(err, objects.ErrNotStored))
		}
		if len(uploads) == 0 {
			return nil
		}
		if !isKnown || n == tries || pause.For(ctx, retryAfter<<n) != nil {
			return err
		}
	}
}

// missing asks all replicas which of several objects are not stored, when nobody knows how their upload went. If it was refused, and no message
// is there, none was stored; if it was not, or only some are, what is missing may be consumed by now, or come late: that is not known.
func (s *Store) missing(
	ctx context.Context, container string, uploads []objects.Upload, wasRefused bool,
) (left []objects.Upload, isKnown bool) {
	paths := make([]objects.Path, len(uploads))
	for i, u := range uploads {
		paths[i] = objects.Path{Container: container, Name: u.Name}
	}
	isGone, err := s.areGone(ctx, paths)
	if err != nil {
		return uploads, false
	}
	there, messages := 0, 0
	for i, u := range uploads {
		if isGone[i] {
			left = append(left, u)
		}
		if u.Shared {
			continue
		}
		messages++
		if !isGone[i] {
			there++
		}
	}
	return left, there == messages || there == 0 && wasRefused
}

// undo removes what a post that failed may have stored, or leaves that to the reaper: who has waited for so long is told. One message alone
// is there or is not, as a post may leave it.
func (s *Store) undo(ctx context.Context, at place, uploads []objects.Upload, later bool) {
	if len(uploads) == 1 {
		return
	}
	ctx, cancel := repair(ctx)
	defer cancel()
	paths := make([]objects.Path, len(uploads))
	for i, u := range uploads {
		paths[i] = objects.Path{Container: at.containerOf(messageOf(u.Name)), Name: u.Name}
	}
	if later || s.removeAll(ctx, paths) != nil {
		s.reaper.add(paths...)
	}
}

// Message implements [marconi.DataStore].
func (s *Store) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	if err := s.door.Enter(ctx); err != nil {
		return marconi.Message{}, err
	}
	defer s.door.Leave()
	name := string(id)
	if !isName(name) {
		return marconi.Message{}, marconi.ErrNoMessage
	}
	v := s.viewOf(q)
	r, body, err := s.whole(ctx, v.at, name)
	switch {
	case err != nil:
	case r.found && r.ends() <= v.now:
		err = s.readPutOff(ctx, v, &r)
	case v.there(&r):
		err = v.readHolder(ctx, &r)
	}
	if err != nil {
		return marconi.Message{}, fmt.Errorf("get message %s: %w", name, err)
	}
	if !v.there(&r) {
		return marconi.Message{}, fmt.Errorf("get message %s: %w", name, marconi.ErrNoMessage)
	}
	return v.show(&r, body), nil
}

// whole gets a message, and lists its leases meanwhile. The object is right where the listing lags.
func (s *Store) whole(ctx context.Context, at place, name string) (r record, body []byte, err error) {
	var o objects.Object
	err = s.parallel(2, func(i int) (err error) {
		if i == 0 {
			r, err = s.one(ctx, at, name)
			return err
		}
		o, err = s.c.Get(ctx, at.message(name), false)
		if isMissing(err) {
			return nil
		}
		return err
	})
	if err == nil && o.ContentType == "" {
		o, err = s.listedObject(ctx, at, r)
	}
	if err != nil {
		return r, nil, err
	}
	r.message, r.found = parseMessage(o.ContentType)
	r.modified = o.Modified
	return r, o.Body, nil
}

// listedObject asks all replicas for a message that a proxy did not find, if a listing shows it. There may be none.
func (s *Store) listedObject(ctx context.Context, at place, r record) (objects.Object, error) {
	path := at.message(r.name)
	if !r.found || s.deleted.Has(path) {
		return objects.Object{}, nil
	}
	o, err := s.c.Get(ctx, path, true)
	if isMissing(err) {
		err = nil
	}
	return o, err
}

// readHolder asks for the claim under which the message was leased last, if there is one.
func (v *view) readHolder(ctx context.Context, r *record) error {
	v.claims = map[marconi.ClaimID]claimAttributes{}
	if r.generation == 0 {
		return nil
	}
	o, err := v.s.c.Head(ctx, v.at.claim(r.lease.claim), true)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for its claim: %w", err)
	}
	if c, ok := parseClaim(r.lease.claim, o.ContentType); ok {
		v.claims[c.id] = c
	}
	return nil
}

// Messages implements [marconi.DataStore].
func (s *Store) Messages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	if err := s.door.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.door.Leave()
	names := namesOf(ids)
	if len(names) == 0 {
		return nil, nil
	}
	v := s.viewOf(q)
	listed, err := s.recordsOf(ctx, v.at, names)
	if err == nil {
		err = v.readClaims(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("get %d messages: %w", len(names), err)
	}
	return s.getEach(ctx, v, names, listed)
}

// getEach gets messages, whether a listing showed them or lags.
func (s *Store) getEach(ctx context.Context, v *view, names []string, listed map[string]record) ([]marconi.Message, error) {
	all := make([]marconi.Message, len(names))
	err := s.parallel(len(names), func(i int) error {
		r := listed[names[i]]
		r.name = names[i]
		o, err := s.c.Get(ctx, v.at.message(r.name), false)
		if isMissing(err) {
			o, err = s.listedObject(ctx, v.at, r)
		}
		if err != nil {
			return fmt.Errorf("get message %s: %w", r.name, err)
		}
		r.modified = o.Modified
		if r.message, r.found = parseMessage(o.ContentType); v.there(&r) {
			all[i] = v.show(&r, o.Body)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(m marconi.Message) bool { return m.ID == "" }), nil
}

// namesOf are the IDs that can be a message's, each once.
func namesOf(ids []marconi.MessageID) []string {
	names := make([]string, 0, len(ids))
	seen := make(map[marconi.MessageID]bool, len(ids))
	for _, id := range ids {
		if isName(string(id)) && !seen[id] {
			seen[id] = true
			names = append(names, string(id))
		}
	}
	return names
}
