// Shows the operations of the document that this very product serves, and sends what a reader typed.
// The key is read from its field when a request leaves. It is stored nowhere.
import { type Document, type Field, type Operation, exampleOf, fields, kindOf, operations } from './document';

const SHOWN_CHARACTERS = 100_000;

type Child = Node | string;

function make<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export async function show(place: HTMLElement): Promise<void> {
  const status = place.querySelector('[role=status]') as HTMLElement;
  const address = place.dataset.document ?? '';
  try {
    const answer = await fetch(address, { credentials: 'omit' });
    if (!answer.ok) throw new Error(String(answer.status));
    const described = (await answer.json()) as Document;
    status.replaceChildren(`${described.info.title} ${described.info.version}, `, make('a', { href: address }, 'OpenAPI 3.1'));
    list(place, described);
  } catch {
    status.textContent = `The description at ${address} could not be read. Open this page from the running product.`;
  }
}

function list(place: HTMLElement, described: Document): void {
  const key = place.querySelector<HTMLInputElement>('input[name=key]') as HTMLInputElement;
  const find = place.querySelector<HTMLInputElement>('input[name=find]') as HTMLInputElement;
  place.querySelector('form')?.addEventListener('submit', (event) => event.preventDefault());
  const groups = new Map<string, HTMLElement>();
  const rows: [text: string, row: HTMLElement][] = [];
  for (const [tag, method, path, operation] of operations(described)) {
    let group = groups.get(tag);
    if (!group) groups.set(tag, (group = make('section', {}, make('h2', {}, tag))));
    const row = make('details', { 'data-operation': `${method} ${path}` }, head(method, path, operation));
    row.addEventListener('toggle', () => row.children.length > 1 || row.append(body(method, path, operation, described, key)));
    group.append(row);
    rows.push([`${method} ${path} ${operation.summary ?? ''} ${tag}`.toLowerCase(), row]);
  }
  place.append(...groups.values());
  find.addEventListener('input', () => {
    const wanted = find.value.trim().toLowerCase();
    for (const [text, row] of rows) row.hidden = !text.includes(wanted);
    for (const group of groups.values()) group.hidden = !group.querySelector('details:not([hidden])');
  });
}

function head(method: string, path: string, operation: Operation): HTMLElement {
  return make('summary', {}, make('span', { class: 'method' }, method.toUpperCase()), make('code', {}, path), operation.summary ?? '');
}

function body(method: string, path: string, operation: Operation, described: Document, key: HTMLInputElement): HTMLElement {
  const made = make('div', { class: 'body' });
  if (operation.description) made.append(make('p', {}, operation.description));
  const permission = operation['x-opengateway-permission'];
  if (permission) made.append(make('p', {}, 'Permission: ', make('code', {}, permission)));
  const parameters = operation.parameters ?? [];
  made.append(
    table('Parameters', parameters.map((p) => ({ name: `${p.name} (${p.in})`, kind: kindOf(p.schema), required: p.required ?? false, description: p.description ?? '' }))),
    table('Body', Object.values(operation.requestBody?.content ?? {}).flatMap((content) => fields(content.schema, described))),
    table('Answers', Object.entries(operation.responses ?? {}).map(([name, told]) => ({ name, kind: '', required: false, description: told.description ?? '' }))),
    form(method, path, operation, described, key),
  );
  return made;
}

function table(title: string, rows: Field[]): HTMLElement | string {
  if (rows.length === 0) return '';
  const lines = rows.map((row) =>
    make('tr', {}, make('td', {}, make('code', {}, row.name), row.required ? ' *' : ''), make('td', {}, row.kind), make('td', {}, row.description)),
  );
  return make('div', {}, make('strong', {}, title), make('table', {}, ...lines));
}

function form(method: string, path: string, operation: Operation, described: Document, key: HTMLInputElement): HTMLElement {
  const asked = (operation.parameters ?? []).filter((p) => p.in === 'path' || p.in === 'query');
  const inputs = asked.map((p) => ({ ...p, input: make('input', { name: p.name, autocomplete: 'off' }) }));
  const example = exampleOf(operation, described);
  const text = make('textarea', { name: 'body', rows: '8', spellcheck: 'false' });
  text.value = example === undefined ? '' : JSON.stringify(example, null, 2);
  const output = make('pre', { 'aria-live': 'polite', tabindex: '0', hidden: '' });
  const made = make('form', { class: 'body', autocomplete: 'off' });
  made.append(...inputs.map(({ name, input }) => make('label', {}, name, input)));
  if (operation.requestBody && example === undefined) return make('p', {}, 'A form with a file: try it with curl.');
  if (example !== undefined) made.append(make('label', {}, 'Body', text));
  made.append(make('button', { type: 'submit' }, 'Send'), output);
  made.addEventListener('submit', (event) => {
    event.preventDefault();
    let target = path;
    const query = new URLSearchParams();
    for (const { name, in: where, input } of inputs) {
      if (where === 'path') target = target.replace(`{${name}}`, encodeURIComponent(input.value));
      else if (input.value !== '') query.append(name, input.value);
    }
    void send(method, query.size ? `${target}?${query}` : target, example === undefined ? null : text.value, key.value.trim(), output);
  });
  return made;
}

async function send(method: string, target: string, body: string | null, key: string, output: HTMLElement): Promise<void> {
  const headers = new Headers();
  if (key) headers.set('authorization', `Bearer ${key}`);
  if (body !== null) headers.set('content-type', 'application/json');
  output.hidden = false;
  output.textContent = '...';
  try {
    const answer = await fetch(target, { method: method.toUpperCase(), headers, body, credentials: 'omit', redirect: 'error' });
    const told = [...answer.headers].filter(([name]) => name.startsWith('x-') || name === 'content-type' || name === 'retry-after');
    output.textContent = `${answer.status} ${answer.statusText}\n${told.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n`;
    output.textContent += await readable(answer);
  } catch (error) {
    output.textContent = `Nothing was answered: ${String(error)}`;
  }
}

async function readable(answer: Response): Promise<string> {
  const kind = answer.headers.get('content-type') ?? '';
  if (!/json|text/.test(kind)) return `${(await answer.blob()).size} bytes`;
  const text = await answer.text();
  if (!kind.includes('json')) return text.slice(0, SHOWN_CHARACTERS);
  return JSON.stringify(JSON.parse(text), null, 2).slice(0, SHOWN_CHARACTERS);
}
