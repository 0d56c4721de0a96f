// Asks the browser for a passkey when a form of one is sent: to make one (`create`) or to sign in with one (`get`). Its answer goes with the form.
const PROBLEMS = {
  NotAllowedError: 'No passkey was given. Try again, or choose another way.',
  InvalidStateError: 'This device has a passkey of yours already.',
  SecurityError: 'Passkeys work at the public address of this server only.',
};

const isAble =
  'PublicKeyCredential' in window &&
  'parseCreationOptionsFromJSON' in PublicKeyCredential &&
  'parseRequestOptionsFromJSON' in PublicKeyCredential;

function ask({ dataset }) {
  const options = JSON.parse(dataset.options);
  return dataset.passkey === 'create'
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

for (const answer of isAble ? document.querySelectorAll('input[data-passkey]') : []) {
  const { form } = answer;
  const problem = form.querySelector('[data-passkey-problem]');
  form.closest('[data-passkey-form]').hidden = false;
  form.addEventListener('submit', async (event) => {
    if (answer.value !== '') return;
    event.preventDefault();
    // Nothing is sent yet, so that a second click asks again.
    event.stopPropagation();
    problem.textContent = '';
    try {
      const credential = await ask(answer);
      answer.value = JSON.stringify(credential);
      form.requestSubmit();
    } catch ({ name, message }) {
      problem.textContent = PROBLEMS[name] ?? message;
    }
  });
}
// The answer to a question that was put before is no use when somebody comes back to the page.
addEventListener('pageshow', () => {
  for (const answer of document.querySelectorAll('input[data-passkey]')) answer.value = '';
});
