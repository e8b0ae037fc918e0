/** Passkeys between the API's JSON and the browser. Binary members are base64url in the JSON. */
type Json = Record<string, unknown>;

export function passkeysWork(): boolean {
  return 'PublicKeyCredential' in window && 'credentials' in navigator;
}

/** Ask for a proof of a passkey. Raises `DOMException` when the reader cancels. */
export async function provePasskey(told: Json): Promise<Json> {
  const options = told.publicKey as Json;
  const publicKey = {
    ...options,
    challenge: bytesOf(options.challenge),
    allowCredentials: described(options.allowCredentials),
  } as unknown as PublicKeyCredentialRequestOptions;
  const credential = await navigator.credentials.get({ publicKey });
  const { response, ...rest } = parts(credential);
  const proof = response as AuthenticatorAssertionResponse;
  return {
    ...rest,
    response: {
      clientDataJSON: textOf(proof.clientDataJSON),
      authenticatorData: textOf(proof.authenticatorData),
      signature: textOf(proof.signature),
      userHandle: proof.userHandle ? textOf(proof.userHandle) : null,
    },
  };
}

/** Make a passkey on this device. */
export async function makePasskey(told: Json): Promise<Json> {
  const options = told.publicKey as Json;
  const user = options.user as Json;
  const publicKey = {
    ...options,
    challenge: bytesOf(options.challenge),
    user: { ...user, id: bytesOf(user.id) },
    excludeCredentials: described(options.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const credential = await navigator.credentials.create({ publicKey });
  const { response, ...rest } = parts(credential);
  const made = response as AuthenticatorAttestationResponse;
  return {
    ...rest,
    response: {
      clientDataJSON: textOf(made.clientDataJSON),
      attestationObject: textOf(made.attestationObject),
      transports: made.getTransports(),
    },
  };
}

function parts(credential: Credential | null) {
  if (credential === null) throw new DOMException('no credential', 'NotAllowedError');
  const key = credential as PublicKeyCredential;
  return {
    id: key.id,
    rawId: textOf(key.rawId),
    type: key.type,
    authenticatorAttachment: key.authenticatorAttachment,
    clientExtensionResults: key.getClientExtensionResults(),
    response: key.response,
  };
}

function described(list: unknown): unknown[] {
  return Array.isArray(list) ? list.map((each: Json) => ({ ...each, id: bytesOf(each.id) })) : [];
}

function bytesOf(text: unknown): Uint8Array<ArrayBuffer> {
  const plain = atob(String(text).replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function textOf(bytes: ArrayBuffer): string {
  const plain = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(plain).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
