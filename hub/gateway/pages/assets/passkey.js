"use strict";
// Offers a passkey where the browser has them; without this script the rest of the page works as it is.
(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  async function made(options) {
    options.challenge = bytes(options.challenge);
    options.user.id = bytes(options.user.id);
    const found = await navigator.credentials.create({ publicKey: options });
    return { found, response: { attestationObject: text(found.response.attestationObject) } };
  }

  async function shown(options) {
    options.challenge = bytes(options.challenge);
    const found = await navigator.credentials.get({ publicKey: options });
    const { authenticatorData, signature, userHandle } = found.response;
    const response = { authenticatorData: text(authenticatorData), signature: text(signature) };
    if (userHandle) response.userHandle = text(userHandle);
    return { found, response };
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential) continue;
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wrong = form.querySelector("[role=alert]");
      wrong.hidden = true;
      try {
        const ask = form.dataset.passkey === "create" ? made : shown;
        const { found, response } = await ask(JSON.parse(form.dataset.options));
        response.clientDataJSON = text(found.response.clientDataJSON);
        const sent = { id: found.id, rawId: text(found.rawId), type: found.type, response };
        form.elements.credential.value = JSON.stringify(sent);
        form.submit();
      } catch {
        wrong.hidden = false;
      }
    });
  }
})();
