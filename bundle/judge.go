package bundle

import (
	"crypto"
	"hash"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
)

// Signer is who signed a package, and when.
type Signer struct {
	// Fingerprint is the primary key's, in upper-case hexadecimal.
	Fingerprint string
	// UserID is the primary user id of the key, "Vendor <releases@example.org>".
	UserID string
	// SignedAt is the time that the signature names.
	SignedAt time.Time
}

// signingKey is one copy of a key in the keyring: the entity, and the key or subkey of it that signs.
type signingKey struct {
	entity *openpgp.Entity
	public *packet.PublicKey
}

// judge decides whether a signature over the hashed content is one that the policy accepts.
func (k *Keyring) judge(content hash.Hash, signature *packet.Signature, pins []string, clock clock) (Signer, *fault.Fault) {
	if signature.IssuerKeyId == nil {
		return Signer{}, refuse("package-signature-bad", "the signature does not name its key")
	}
	copies := k.find(*signature.IssuerKeyId, signature.IssuerFingerprint)
	if len(copies) == 0 {
		return Signer{}, k.stranger(*signature.IssuerKeyId)
	}
	if problem := acceptable(signature, clock); problem != nil {
		return Signer{}, problem
	}
	var problem *fault.Fault
	for _, candidate := range copies {
		if revoked(candidate) {
			return Signer{}, revokedKey(candidate)
		}
	}
	for _, candidate := range copies {
		if problem = candidate.judge(content, signature, pins, clock); problem == nil {
			return Signer{
				Fingerprint: fingerprintOf(candidate.entity.PrimaryKey),
				UserID:      userIDOf(candidate.entity),
				SignedAt:    signature.CreationTime,
			}, nil
		}
	}
	return Signer{}, problem
}

func (k *Keyring) stranger(id uint64) *fault.Fault {
	if len(k.unread) > 0 {
		return refuse("package-signer-unknown", "the package is signed by the key %s, which is not in the keyring %s", keyID(id), k.directory).
			WithHint("the key may be in %s, which gwe cannot read: import it again: gwe keys import KEY.asc --keyring %s",
				k.unread[0].path, k.directory)
	}
	return refuse("package-signer-unknown", "the package is signed by the key %s, which is not in the keyring %s", keyID(id), k.directory).
		WithHint("if you trust that key, import it: gwe keys import KEY.asc --keyring %s", k.directory)
}

// acceptable looks at the signature itself, whoever made it.
func acceptable(signature *packet.Signature, clock clock) *fault.Fault {
	switch {
	case signature.SigType != packet.SigTypeBinary:
		return refuse("package-unsupported", "the signature is not one over binary content").
			WithHint("sign with gpg --sign or gpg --detach-sign, without --textmode, or with gwe pack")
	case signature.Hash == crypto.SHA1 || signature.Hash == crypto.MD5 || signature.Hash == crypto.RIPEMD160:
		return refuse("package-signature-weak", "the signature uses %s, which can be forged", signature.Hash).
			WithHint("sign with --digest-algo SHA256, or with gwe pack")
	case lifetimeOver(signature, clock):
		return refuse("package-signature-expired", "the signature was valid for a limited time, which is over").
			WithHint("sign the package again; %s", clock.hint())
	}
	for _, notation := range signature.Notations {
		if notation.IsCritical {
			return refuse("package-unsupported", "the signature demands that %q be understood", notation.Name).
				WithHint("sign it without that critical notation")
		}
	}
	return nil
}

func lifetimeOver(signature *packet.Signature, clock clock) bool {
	over := expiryOf(signature.CreationTime, signature.SigLifetimeSecs)
	return !over.IsZero() && clock.at(signature).After(over)
}

func (s signingKey) judge(content hash.Hash, signature *packet.Signature, pins []string, clock clock) *fault.Fault {
	// The library writes the signature's own part into the hash: every try needs a copy.
	cloner, ok := content.(hash.Cloner)
	if !ok {
		return refuse("package-unsupported", "the signature's hash %s is not supported", signature.Hash)
	}
	copied, err := cloner.Clone()
	if err != nil {
		return refuse("package-unsupported", "the signature's hash %s is not supported", signature.Hash).WithCause(err)
	}
	if err := contained(func() error { return s.public.VerifySignature(copied, signature) }); err != nil {
		return refuse("package-signature-bad", "the signature does not fit the content").WithCause(err).
			WithHint("the package was changed after it was signed, or damaged on its way: fetch it again")
	}
	if signature.CreationTime.Before(s.public.CreationTime) {
		return refuse("package-signature-bad", "the signature is dated %s, before its key was made", day(signature.CreationTime)).
			WithHint("the clock of the machine that signed it was behind: set it and sign again")
	}
	if problem := usable(s, clock, signature); problem != nil {
		return problem
	}
	if len(pins) > 0 && !slices.ContainsFunc(pins, s.pinnedBy) {
		return refuse("package-signer-not-pinned", "the package is signed by %s %s, which is in the keyring but not among the keys that this recipe accepts",
			fingerprintOf(s.entity.PrimaryKey), userIDOf(s.entity)).
			WithHint("sign it with %s, or change signed-by", strings.Join(pins, " or "))
	}
	return nil
}

// pinnedBy compares with the end of the fingerprint of the primary key or of the signing subkey (of version 6
// keys with the start: that is where their key id is).
func (s signingKey) pinnedBy(pin string) bool {
	for _, key := range []*packet.PublicKey{s.entity.PrimaryKey, s.public} {
		whole := fingerprintOf(key)
		if whole == pin || key.Version < 6 && strings.HasSuffix(whole, pin) || key.Version == 6 && strings.HasPrefix(whole, pin) {
			return true
		}
	}
	return false
}

// usable decides whether the key may sign; signature is nil where there is none yet.
func usable(s signingKey, clock clock, signature *packet.Signature) *fault.Fault {
	name := fingerprintOf(s.public) + " " + userIDOf(s.entity)
	if revoked(s) {
		return revokedKey(s)
	}
	life, err := s.life()
	if err != nil {
		return refuse("package-key-unusable", "the key %s is not valid", name).WithCause(err)
	}
	if problem := clock.permits(name, life, signature); problem != nil {
		return problem
	}
	var key openpgp.Key
	ok := false
	err = contained(func() error { key, ok = s.entity.SigningKeyById(time.Time{}, s.public.KeyId, nil); return nil })
	if err != nil || !ok || key.PublicKey != s.public {
		return refuse("package-key-unusable", "the key %s is too weak, or is not made for signing", name).
			WithHint("sign with an ed25519 key, or with RSA of 2048 bits or more")
	}
	return nil
}

// revoked believes every revocation that the key itself signed, whatever its date and reason: a clock that is
// wrong must not make a revoked key good.
func revoked(s signingKey) bool {
	for _, revocation := range s.entity.Revocations {
		if contained(func() error { return s.entity.PrimaryKey.VerifyRevocationSignature(revocation.Packet) }) == nil {
			return true
		}
	}
	for _, subkey := range s.entity.Subkeys {
		if subkey.PublicKey != s.public {
			continue
		}
		for _, revocation := range subkey.Revocations {
			if contained(func() error { return s.entity.PrimaryKey.VerifySubkeyRevocationSignature(revocation.Packet, s.public) }) == nil {
				return true
			}
		}
	}
	return false
}

func revokedKey(s signingKey) *fault.Fault {
	return refuse("package-key-revoked", "the key %s %s was revoked", fingerprintOf(s.public), userIDOf(s.entity)).
		WithHint("sign the package with the vendor's present key")
}
