package bundle

import (
	"crypto"
	"errors"
	"hash"
	"slices"
	"strings"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
)

// clockTolerance is how far this machine's clock may be behind the build host's.
const clockTolerance = 24 * time.Hour

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
func (k *Keyring) judge(content hash.Hash, signature *packet.Signature, pins []string, now time.Time) (Signer, *fault.Fault) {
	if signature.IssuerKeyId == nil {
		return Signer{}, refuse("package-signature-bad", "the signature does not name its key")
	}
	copies := k.find(*signature.IssuerKeyId, signature.IssuerFingerprint)
	if len(copies) == 0 {
		return Signer{}, k.stranger(*signature.IssuerKeyId)
	}
	if problem := acceptable(signature, now); problem != nil {
		return Signer{}, problem
	}
	var problem *fault.Fault
	for _, candidate := range copies {
		if revoked(candidate) {
			return Signer{}, revokedKey(candidate)
		}
	}
	for _, candidate := range copies {
		if problem = candidate.judge(content, signature, pins, now); problem == nil {
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
	return refuse("package-signer-unknown", "the package is signed by the key %s, which is not in the keyring %s", keyID(id), k.folder).
		WithHint("if you trust that key, import it: gwe keys import KEY.asc --keyring %s", k.folder)
}

// acceptable looks at the signature itself, whoever made it.
func acceptable(signature *packet.Signature, now time.Time) *fault.Fault {
	switch {
	case signature.SigType != packet.SigTypeBinary:
		return refuse("package-unsupported", "the signature is not one over binary content").
			WithHint("sign with gpg --sign or gpg --detach-sign, without --textmode, or with gwe pack")
	case signature.Hash == crypto.SHA1 || signature.Hash == crypto.MD5 || signature.Hash == crypto.RIPEMD160:
		return refuse("package-signature-weak", "the signature uses %s, which can be forged", signature.Hash).
			WithHint("sign with --digest-algo SHA256, or with gwe pack")
	case signature.CreationTime.After(now.Add(clockTolerance)):
		return clockFault("the package was signed on "+day(signature.CreationTime), now)
	case lifetimeOver(signature, now):
		return refuse("package-signature-expired", "the signature was valid for a limited time, which is over").
			WithHint("sign the package again; %s", clockHint(now))
	}
	for _, notation := range signature.Notations {
		if notation.IsCritical {
			return refuse("package-unsupported", "the signature demands that %q be understood", notation.Name)
		}
	}
	return nil
}

func lifetimeOver(signature *packet.Signature, now time.Time) bool {
	if signature.SigLifetimeSecs == nil || *signature.SigLifetimeSecs == 0 {
		return false
	}
	return now.After(signature.CreationTime.Add(time.Duration(*signature.SigLifetimeSecs) * time.Second))
}

func (s signingKey) judge(content hash.Hash, signature *packet.Signature, pins []string, now time.Time) *fault.Fault {
	// The library writes the signature's own part into the hash: every try needs a copy.
	cloner, ok := content.(hash.Cloner)
	if !ok {
		return refuse("package-unsupported", "the signature's hash %s is not supported", signature.Hash)
	}
	copied, err := cloner.Clone()
	if err != nil {
		return refuse("package-unsupported", "the signature's hash %s is not supported", signature.Hash).WithCause(err)
	}
	if err := s.public.VerifySignature(copied, signature); err != nil {
		return refuse("package-signature-bad", "the signature does not fit the content").WithCause(err).
			WithHint("the package was changed after it was signed, or damaged on its way: fetch it again")
	}
	if signature.CreationTime.Before(s.public.CreationTime) {
		return refuse("package-signature-bad", "the signature is older than its key")
	}
	// A clock that is a little behind is as good as the signature's own time.
	at := now
	if at.Before(signature.CreationTime) {
		at = signature.CreationTime
	}
	if problem := usable(s, at); problem != nil {
		return problem
	}
	if len(pins) > 0 && !slices.ContainsFunc(pins, s.pinnedBy) {
		return refuse("package-signer-not-pinned", "the package is signed by %s %s, which is in the keyring but not among the keys that this recipe accepts",
			fingerprintOf(s.entity.PrimaryKey), userIDOf(s.entity)).
			WithHint("sign it with %s, or change signed-by", strings.Join(pins, " or "))
	}
	return nil
}

// pinnedBy compares with the end of the fingerprint of the primary key or of the signing subkey (of version 6 keys with
// the start: that is where their key id is).
func (s signingKey) pinnedBy(pin string) bool {
	for _, key := range []*packet.PublicKey{s.entity.PrimaryKey, s.public} {
		whole := fingerprintOf(key)
		if whole == pin || key.Version < 6 && strings.HasSuffix(whole, pin) || key.Version == 6 && strings.HasPrefix(whole, pin) {
			return true
		}
	}
	return false
}

// usable decides whether the key may sign at that time.
func usable(s signingKey, at time.Time) *fault.Fault {
	name := fingerprintOf(s.public) + " " + userIDOf(s.entity)
	if revoked(s) {
		return revokedKey(s)
	}
	if s.public.CreationTime.After(at) || s.entity.PrimaryKey.CreationTime.After(at) {
		return clockFault("the key "+name+" was made on "+day(s.public.CreationTime), at)
	}
	_, err := s.entity.VerifyPrimaryKey(at, nil)
	for _, subkey := range s.entity.Subkeys {
		if err == nil && subkey.PublicKey == s.public {
			_, err = subkey.Verify(at, nil)
		}
	}
	switch {
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return refuse("package-key-expired", "the key %s has expired", name).
			WithHint("extend it (gpg --quick-set-expire), import its new public part and try again; %s", clockHint(at))
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return revokedKey(s)
	case err != nil:
		return refuse("package-key-unusable", "the key %s is not valid", name).WithCause(err)
	}
	if key, ok := s.entity.SigningKeyById(at, s.public.KeyId, nil); !ok || key.PublicKey != s.public {
		return refuse("package-key-unusable", "the key %s is too weak, or is not made for signing", name).
			WithHint("sign with an ed25519 key, or with RSA of 2048 bits or more")
	}
	return nil
}

// revoked believes every revocation that the key itself signed, whatever its date and reason: a clock that is wrong must
// not make a revoked key good.
func revoked(s signingKey) bool {
	for _, revocation := range s.entity.Revocations {
		if s.entity.PrimaryKey.VerifyRevocationSignature(revocation.Packet) == nil {
			return true
		}
	}
	for _, subkey := range s.entity.Subkeys {
		if subkey.PublicKey != s.public {
			continue
		}
		for _, revocation := range subkey.Revocations {
			if s.entity.PrimaryKey.VerifySubkeyRevocationSignature(revocation.Packet, s.public) == nil {
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

func clockFault(what string, now time.Time) *fault.Fault {
	return refuse("package-key-not-yet-valid", "%s, which is in the future", what).WithHint("%s", clockHint(now))
}

func clockHint(now time.Time) string {
	return "this machine's clock says " + day(now) + ": if that is wrong, set it and try again"
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
