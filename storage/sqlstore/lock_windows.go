package sqlstore

import (
	"errors"
	"os"
	"syscall"
)

// errSharing is what Windows answers if another has the file open and does not share it.
const errSharing = syscall.Errno(32)

// links is how many names a file has, as far as is known.
func links(os.FileInfo) uint64 { return 1 }

// openLocked opens a file that nobody else has open by this function, or gives errLocked. Others may read it.
func openLocked(name string) (*os.File, error) {
	text, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(text, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, errLocked
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}
