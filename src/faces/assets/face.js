// What a page can do better with a script: copy, times in the reader's zone that move, parts that keep up, `/` for search.
const LIVE_EVERY_MS = 3000;
const TIMES_EVERY_MS = 10_000;

function readable(root) {
  for (const time of root.querySelectorAll('time[data-relative]')) {
    const at = new Date(time.dateTime);
    time.title = at.toLocaleString(undefined, { dateStyle: 'long', timeStyle: 'long' });
    if (time.dataset.relative === 'ago') time.textContent = ago(at);
  }
  for (const button of root.querySelectorAll('button[data-copy]')) button.hidden = false;
}

// The words of the server's own times.
function ago(at) {
  const seconds = Math.round((Date.now() - at) / 1000);
  if (seconds < 0) return `in ${span(-seconds)}`;
  return seconds < 5 ? 'just now' : `${span(seconds)} ago`;
}

function span(seconds) {
  const count = (number, unit) => `${number} ${unit}${number === 1 ? '' : 's'}`;
  if (seconds < 60) return count(seconds, 'second');
  if (seconds < 7200) return count(Math.floor(seconds / 60), 'minute');
  if (seconds < 172_800) return count(Math.floor(seconds / 3600), 'hour');
  return count(Math.floor(seconds / 86_400), 'day');
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('button[data-copy]');
  if (!button) return;
  const source = button.parentElement.querySelector('.mono');
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = 'Copied';
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 2000);
  } catch {
    getSelection().selectAllChildren(source);
  }
});

document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, textarea, select')) return;
  const search = document.querySelector('input[type=search]');
  if (!search) return;
  event.preventDefault();
  search.focus();
});

async function refresh(part) {
  if (document.hidden || part.contains(document.activeElement)) return;
  const answer = await fetch(part.dataset.live, { headers: { accept: 'text/html' } });
  if (answer.status === 404 || answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const html = await answer.text();
  if (html === part.dataset.shown) return;
  part.dataset.shown = html;
  part.innerHTML = html;
  readable(part);
}

for (const part of document.querySelectorAll('[data-live]')) {
  part.setAttribute('aria-live', 'polite');
  for (const hint of part.querySelectorAll('[data-without-script]')) hint.hidden = true;
  setInterval(() => refresh(part).catch(() => undefined), LIVE_EVERY_MS);
}
readable(document);
setInterval(() => readable(document), TIMES_EVERY_MS);
