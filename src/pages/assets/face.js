// What a page can do better with a script: copy, times in the reader's zone that move, parts that keep up, questions as dialogs, `/` for search.
const LIVE_EVERY_MS = 3000;
const TIMES_EVERY_MS = 10_000;

/** How far the reader's clock is ahead of the server's, in milliseconds. */
const { now } = document.documentElement.dataset;
const ahead = now === undefined ? 0 : Date.now() - new Date(now);

/** Tells a screen reader what changed; shown to nobody. */
const said = document.createElement('p');
said.setAttribute('role', 'status');
said.className = 'unseen';
document.body.append(said);

function readable(root) {
  for (const time of root.querySelectorAll('time[data-relative]')) {
    const at = new Date(time.dateTime);
    time.title = at.toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'long' });
    const { relative } = time.dataset;
    time.textContent = relative === 'ago' ? ago(at) : relative === 'exact' ? toTheMinute(at) : named(at, relative);
  }
  for (const button of root.querySelectorAll('button[data-copy]')) button.hidden = false;
  for (const hint of root.querySelectorAll('[data-without-script]')) hint.hidden = true;
}

// The words of the server's own times.
function ago(at) {
  const seconds = Math.round((Date.now() - ahead - at) / 1000);
  if (seconds < 0) return `in ${age(-seconds)}`;
  return seconds < 5 ? 'just now' : `${age(seconds)} ago`;
}

function toTheMinute(at) {
  return `${at.toLocaleDateString('en-GB', { dateStyle: 'long' })}, at ${at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' })}`;
}

function named(at, form) {
  const time = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });
  const today = new Date(Date.now() - ahead);
  const dayOf = (date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;
  const days = dayOf(today) - dayOf(at);
  const close = { 0: 'today', 1: 'yesterday', [-1]: 'tomorrow' }[days];
  if (days === 0 && form === 'since') return `${time} ${close}`;
  if (close) return `${close} at ${time}`;
  const on = form === 'on' ? 'on ' : '';
  if (days > 1 && days < 7) return `${on}${at.toLocaleDateString('en-GB', { weekday: 'long' })} at ${time}`;
  const year = at.getFullYear() === today.getFullYear() ? {} : { year: 'numeric' };
  return `${on}${at.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', ...year })} at ${time}`;
}

function age(seconds) {
  const count = (number, unit) => `${number} ${unit}${number === 1 ? '' : 's'}`;
  if (seconds < 60) return count(seconds, 'second');
  const [minutes, hours] = [Math.round(seconds / 60), Math.round(seconds / 3600)];
  if (minutes < 60) return count(minutes, 'minute');
  return hours < 24 ? count(hours, 'hour') : count(Math.round(seconds / 86_400), 'day');
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('button[data-copy]');
  if (!button) return;
  const source = button.parentElement.querySelector('.mono');
  try {
    await navigator.clipboard.writeText(source.innerText);
    button.textContent = 'Copied';
    said.textContent = 'Copied';
    setTimeout(() => {
      button.textContent = 'Copy';
      said.textContent = '';
    }, 2000);
  } catch {
    getSelection().selectAllChildren(source);
  }
});

// A link to a page whose text is to be pasted elsewhere copies it at once; opened in a tab of its own, it is the page.
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[data-copies]');
  if (!link || !isPlain(event) || !navigator.clipboard || typeof ClipboardItem === 'undefined') return;
  event.preventDefault();
  copyFrom(link).catch(() => location.assign(link.href));
});

const isPlain = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;

async function copyFrom(link) {
  const text = fetch(link.href, { headers: { accept: 'text/html' } }).then(async (answer) => {
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    return new Blob([page.querySelector('.copyable pre').textContent], { type: 'text/plain' });
  });
  // Within the click, as browsers want it; the text comes later.
  await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })]);
  const name = link.textContent;
  link.textContent = 'Copied';
  said.textContent = 'Copied';
  setTimeout(() => {
    link.textContent = name;
    said.textContent = '';
  }, 2000);
}

document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, textarea, select, dialog')) return;
  const search = document.querySelector('input[type=search]');
  if (!search) return;
  event.preventDefault();
  search.focus();
});

// A page that asks before something is ended, as a dialog over the page that it was asked on.
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[data-asks]');
  if (!link || !isPlain(event)) return;
  event.preventDefault();
  ask(link.href).catch(() => location.assign(link.href));
});

async function ask(url) {
  const answer = await fetch(url, { headers: { accept: 'text/html' } });
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const title = page.querySelector('h1');
  const question = page.querySelector('[data-confirm]');
  if (!question || answer.redirected) throw new Error('nothing to confirm');
  question.querySelector('form').action = url;
  const dialog = document.createElement('dialog');
  title.id = 'question';
  dialog.setAttribute('aria-labelledby', title.id);
  dialog.append(title, question);
  const keep = dialog.querySelector('[data-keep]');
  keep.addEventListener('click', (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  readable(dialog);
  dialog.showModal();
  (dialog.querySelector('input:required') ?? keep).focus();
}

// A second click while the first is under way would send a form twice.
document.addEventListener('submit', (event) => {
  if (event.target.method !== 'post') return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = 'yes';
});
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// What stands in a part beside its times, which move by themselves.
const withoutTimes = (html) => html.replace(/(<time[^>]*>)[^<]*|name="formKey" value="\w*"/g, '$1');
const sayings = (part) =>
  [...part.querySelectorAll('.status strong, .live strong')].map(({ textContent }) => textContent).join(' ');

/** Whether somebody is in the middle of something there. */
function isHeld(part) {
  const selection = getSelection();
  return (
    part.querySelector(':active, input:focus, textarea:focus, select:focus') !== null ||
    part.querySelector('form[data-sent]') !== null ||
    (!selection.isCollapsed && part.contains(selection.anchorNode))
  );
}

async function refresh(part) {
  if (document.hidden || isHeld(part)) return;
  const answer = await fetch(part.dataset.live, { headers: { accept: 'text/html' } });
  if (answer.status === 404 || answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const html = await answer.text();
  const news = withoutTimes(html);
  if (news === shown.get(part) || isHeld(part)) return;
  shown.set(part, news);
  const focusable = 'a, button, summary';
  const focused = [...part.querySelectorAll(focusable)].indexOf(document.activeElement);
  const before = document.activeElement.textContent;
  const told = sayings(part);
  const opened = [...part.querySelectorAll('details')].map(({ open }) => open);
  part.innerHTML = html;
  for (const [index, details] of part.querySelectorAll('details').entries()) details.open = opened[index] ?? false;
  readable(part);
  if (focused !== -1) {
    const all = [...part.querySelectorAll(focusable)];
    (all[focused]?.textContent === before ? all[focused] : all.find((one) => one.textContent === before))?.focus();
  }
  if (sayings(part) !== told) said.textContent = sayings(part);
}

const shown = new Map();
for (const part of document.querySelectorAll('[data-live]')) {
  setInterval(() => refresh(part).catch(() => undefined), LIVE_EVERY_MS);
}
readable(document);
setInterval(() => readable(document), TIMES_EVERY_MS);
