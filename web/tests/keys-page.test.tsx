import { render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it } from 'vitest';

import { App } from '~/app/app';
import { startI18n } from '~/i18n';

import { FakeApi, KEY, refuse } from './fake-api';

const KEYS = '/api/v1/teams/team_1/keys';
let api: FakeApi;

beforeEach(async () => {
  await startI18n('en');
  api = new FakeApi().signedIn('owner').on(`GET ${KEYS}`, () => ({ data: [KEY], next: null }));
  window.history.pushState({}, '', '/teams/team_1/keys');
});

const person = () => userEvent.setup({ delay: null });
const choose = async (name: string) => {
  await person().click(await screen.findByRole('button', { name: 'Actions for search' }));
  await person().click(await screen.findByRole('menuitem', { name }));
};

it('shows a key with its limits in words and units', async () => {
  render(<App />);
  const row = await screen.findByRole('row', { name: /search/ });
  expect(within(row).getByText('$50.00 a month')).toBeTruthy();
  expect(within(row).getByText('600 requests/min')).toBeTruthy();
  expect(within(row).getByText('Active')).toBeTruthy();
});

it('invites to make the first key where there is none', async () => {
  api.on(`GET ${KEYS}`, () => ({ data: [], next: null }));
  render(<App />);
  expect(await screen.findByText('No keys yet')).toBeTruthy();
});

it('offers nothing that the role would be refused', async () => {
  api.signedIn('viewer');
  render(<App />);
  await screen.findByRole('row', { name: /search/ });
  expect(screen.queryByRole('button', { name: 'New key' })).toBeNull();
  expect(screen.queryByRole('button', { name: /Actions for/ })).toBeNull();
});

it('says what went wrong, with the id of the request, and tries again when asked', async () => {
  api.on(`GET ${KEYS}`, () => refuse(500, 'internal_error'));
  render(<App />);
  const alert = await screen.findByRole('alert');
  expect(within(alert).getByText('req_1')).toBeTruthy();
  api.on(`GET ${KEYS}`, () => ({ data: [KEY], next: null }));
  await person().click(within(alert).getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('row', { name: /search/ })).toBeTruthy();
});

it('sends what was typed, and shows the secret until it is kept', async () => {
  api.on(`POST ${KEYS}`, () => ({ ...KEY, key: 'og_live_secret' }));
  render(<App />);
  const user = person();
  await user.click(await screen.findByRole('button', { name: 'New key' }));
  const drawer = within(await screen.findByRole('dialog', { name: 'New key' }));
  await user.click(drawer.getByRole('button', { name: 'Create key' }));
  expect(await drawer.findByText('Give it a name')).toBeTruthy();
  await user.type(drawer.getByLabelText('Name'), 'search');
  await user.type(drawer.getByLabelText('Spend limit'), '12.50');
  await user.type(drawer.getByLabelText('Requests per minute'), '60');
  await user.type(drawer.getByLabelText('Addresses (CIDR)'), '203.0.113.0/24,');
  await user.type(drawer.getByLabelText('Metadata (name=value)'), 'service=search,');
  await user.click(drawer.getByRole('button', { name: 'Create key' }));
  const shown = within(await screen.findByRole('dialog', { name: 'Key “search”' }));
  expect(shown.getByText('og_live_secret')).toBeTruthy();
  expect(api.last(`POST ${KEYS}`)).toMatchObject({
    name: 'search',
    kind: 'inference',
    limit_usd: '12.50',
    limit_reset: null,
    rpm: 60,
    tpm: null,
    ips: ['203.0.113.0/24'],
    metadata: { service: 'search' },
    body_logging: null,
    expires_at_ns: null,
  });
  await user.keyboard('{Escape}');
  expect(screen.getByText('og_live_secret')).toBeTruthy();
  await user.click(shown.getByRole('button', { name: 'I have kept it' }));
  await waitFor(() => expect(screen.queryByText('og_live_secret')).toBeNull());
});

it('revokes only after the name was typed', async () => {
  api.on(`DELETE ${KEYS}/key_1`, () => ({}));
  render(<App />);
  await choose('Revoke');
  const dialog = within(await screen.findByRole('dialog', { name: 'Revoke search?' }));
  const button = dialog.getByRole<HTMLButtonElement>('button', { name: 'Revoke' });
  expect(button.disabled).toBe(true);
  await person().type(dialog.getByRole('textbox'), 'search');
  await person().click(button);
  await waitFor(() => expect(api.asked.some(({ route }) => route === `DELETE ${KEYS}/key_1`)).toBe(true));
});

it('says that somebody else changed the key meanwhile', async () => {
  api.on(`PATCH ${KEYS}/key_1`, () => refuse(412, 'version_mismatch'));
  render(<App />);
  await choose('Disable');
  await person().click(await screen.findByRole('button', { name: 'Disable' }));
  expect(await screen.findByText(/Somebody changed this meanwhile/)).toBeTruthy();
});
