//go:build unix

package testservices

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"os"
)

// partPower is the logarithm of how many partitions a ring has.
const partPower = 6

// A ringDevice is a place for data, as a ring names it.
type ringDevice struct {
	ID              int     `json:"id"`
	Region          int     `json:"region"`
	Zone            int     `json:"zone"`
	Weight          float64 `json:"weight"`
	IP              string  `json:"ip"`
	Port            int     `json:"port"`
	ReplicationIP   string  `json:"replication_ip"`
	ReplicationPort int     `json:"replication_port"`
	Device          string  `json:"device"`
	Meta            string  `json:"meta"`
}

// writeRing says which devices keep a partition: all of them, a different one first in turn. It writes what
// swift-ring-builder would, which takes three seconds for it: the first version of the format, which all Swifts read.
func writeRing(path string, devices []ringDevice) error {
	head, err := json.Marshal(map[string]any{
		"devs": devices, "part_shift": 32 - partPower, "replica_count": len(devices), "byteorder": "little",
	})
	if err != nil {
		return err
	}
	b := []byte("R1NG\x00\x01")
	b = binary.BigEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	for replica := range devices {
		for part := range 1 << partPower {
			b = binary.LittleEndian.AppendUint16(b, uint16((part+replica)%len(devices)))
		}
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(b); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, packed.Bytes(), 0o600)
}
