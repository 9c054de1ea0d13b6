package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
)

// floorAEAD is AES-256-GCM under one random key.
func floorAEAD() (cipher.AEAD, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// floorKey reads the newest data key of a workspace and throws it away.
func floorKey(ctx context.Context, db *sql.DB, store string, ws [16]byte) error {
	literal := "X'" + hex.EncodeToString(ws[:]) + "'"
	if store == "postgres" {
		literal = "'" + hex.EncodeToString(ws[:]) + "'"
	}
	var wrapped []byte
	return db.QueryRowContext(ctx, "SELECT wrapped FROM engage_sealing_keys WHERE workspace_id = "+literal+" ORDER BY number DESC LIMIT 1").Scan(&wrapped)
}

// floorSeal seals with a random nonce, bound to a place.
func floorSeal(aead cipher.AEAD, plain, bound []byte) []byte {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, bound)
}

// floorOpen opens what floorSeal sealed.
func floorOpen(aead cipher.AEAD, sealed, bound []byte) error {
	_, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], bound)
	return err
}
