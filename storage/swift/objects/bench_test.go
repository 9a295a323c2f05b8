//go:build unix

package objects_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// BenchmarkTen is ten objects of 2 KiB on a real Swift, in one archive, and side by side.
func BenchmarkTen(b *testing.B) {
	s := testservices.StartSwift(b, testservices.SwiftOptions{})
	body := []byte(strings.Repeat("x", 2<<10))
	for _, parallel := range []bool{false, true} {
		o := tempauth(s)
		o.Parallel = parallel
		a, err := objects.Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		uploads := make([]objects.Upload, 10)
		gone := make([]objects.Path, len(uploads))
		b.Run(fmt.Sprintf("parallel=%v", parallel), func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				for i := range uploads {
					uploads[i] = objects.Upload{Name: fmt.Sprintf("%v/%d/%d", parallel, n, i), Body: body}
					gone[i] = objects.Path{Container: "c", Name: uploads[i].Name}
				}
				if err := a.PutMany(b.Context(), "c", uploads); err != nil {
					b.Fatal(err)
				}
				if err := a.DeleteMany(b.Context(), gone); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := a.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
