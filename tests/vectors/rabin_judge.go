// Writes rabin.json: where restic's own chunker cuts. It needs Go:
//
//	mkdir /tmp/judge && cp tests/vectors/rabin_judge.go /tmp/judge/main.go && cd /tmp/judge
//	go mod init judge && go get github.com/restic/chunker@v0.4.0 github.com/zeebo/blake3
//	go run . > PATH/OF/tests/vectors/rabin.json
package main

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/restic/chunker"
	"github.com/zeebo/blake3"
)

type rabinCase struct {
	Content    string `json:"content"`
	Length     int    `json:"length"`
	Minimum    uint   `json:"minimum"`
	Bits       int    `json:"bits"`
	Maximum    uint   `json:"maximum"`
	Polynomial string `json:"polynomial"`
	Cuts       []uint `json:"cuts"`
}

func content(name string, length int) []byte {
	bytes := make([]byte, length)
	if name == "noise" {
		hash := blake3.New()
		hash.Write([]byte("penstock"))
		hash.Digest().Read(bytes)
	}
	return bytes
}

func main() {
	cases := []rabinCase{
		{"noise", 200_000, 64, 8, 1024, "3da3358b4dc173", nil},
		{"noise", 200_000, 500, 10, 3000, "3da3358b4dc173", nil},
		{"noise", 200_000, 2048, 12, 16384, "2d6c1e4a7b9f35", nil},
		{"noise", 200_000, 1000, 16, 70_000, "3da3358b4dc173", nil},
		{"noise", 4 << 20, 1 << 16, 17, 1 << 19, "3da3358b4dc173", nil},
		{"noise", 6 << 20, 1 << 19, 20, 1 << 23, "3da3358b4dc173", nil},
		{"zeros", 50_000, 64, 8, 1024, "3da3358b4dc173", nil},
		{"noise", 64, 64, 8, 1024, "3da3358b4dc173", nil},
		{"noise", 65, 64, 8, 1024, "3da3358b4dc173", nil},
	}
	for i := range cases {
		one := &cases[i]
		var polynomial chunker.Pol
		if err := json.Unmarshal([]byte(`"`+one.Polynomial+`"`), &polynomial); err != nil {
			panic(err)
		}
		for !polynomial.Irreducible() || polynomial.Deg() != 53 {
			// The next one that is irreducible.
			polynomial++
		}
		one.Polynomial = polynomial.String()[2:]
		reader := bytes.NewReader(content(one.Content, one.Length))
		splitter := chunker.NewWithBoundaries(reader, polynomial, one.Minimum, one.Maximum)
		splitter.SetAverageBits(one.Bits)
		buffer := make([]byte, one.Maximum)
		for {
			chunk, err := splitter.Next(buffer)
			if err != nil {
				break
			}
			one.Cuts = append(one.Cuts, chunk.Start+chunk.Length)
		}
		// The file stays small.
		if len(one.Cuts) > 120 {
			one.Cuts = one.Cuts[:120]
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(map[string]any{
		"content": "noise: BLAKE3 of the ASCII text penstock, extended to `length` bytes; zeros",
		"source":  "github.com/restic/chunker v0.4.0, by rabin_judge.go; of a case at most the first 120 cuts",
		"cases":   cases,
	}); err != nil {
		panic(err)
	}
}
