import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it } from 'vitest';

import { App } from '~/app/app';
import { startI18n } from '~/i18n';

import { FakeApi, refuse } from './fake-api';

const OPTIONS = { zone: 'dev', password: true, sign_up: 'invite', passkeys: false, oidc: null, mail: false };
let api: FakeApi;

beforeEach(async () => {
  await startI18n('en');
  api = new FakeApi()
    .on('GET /api/v1/me', () => refuse(401, 'not_signed_in'))
    .on('GET /api/v1/auth/options', () => OPTIONS);
});

it('takes a stranger to sign-in, and back to where they wanted to go', async () => {
  window.history.pushState({}, '', '/profile?tab=1');
  api.on('POST /api/v1/auth/sign-in', () => {
    api.signedIn('owner');
    return { status: 'signed_in', factors: [], csrf_token: 'x' };
  });
  api.on('GET /api/v1/me/passkeys', () => ({ data: [] })).on('GET /api/v1/me/sessions', () => ({ data: [] }));
  render(<App />);
  const user = userEvent.setup({ delay: null });
  await user.type(await screen.findByLabelText('E-mail'), 'mina@example.com');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await new Promise((r) => setTimeout(r, 1500)); console.log(window.location.href, JSON.stringify(api.asked.map((a) => a.route)), document.querySelector('[role=alert]')?.textContent);
  expect(await screen.findByRole('heading', { name: 'Profile' })).toBeTruthy();
  expect(window.location.pathname + window.location.search).toBe('/profile?tab=1');
});

it.each(['//evil.example', 'https://evil.example', '/\\evil.example'])('never leaves the site for %s', async (next) => {
  window.history.pushState({}, '', `/sign-in?next=${encodeURIComponent(next)}`);
  api.on('POST /api/v1/auth/sign-in', () => {
    api.signedIn('owner');
    return { status: 'signed_in', factors: [], csrf_token: 'x' };
  });
  render(<App />);
  const user = userEvent.setup({ delay: null });
  await user.type(await screen.findByLabelText('E-mail'), 'mina@example.com');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await waitFor(() => expect(window.location.href).toBe('http://localhost:3000/teams/team_1'));
});

it('asks for the second factor where there is one', async () => {
  window.history.pushState({}, '', '/sign-in');
  api.on('POST /api/v1/auth/sign-in', () => ({ status: 'second_factor', factors: ['totp'], csrf_token: null }));
  api.on('POST /api/v1/auth/sign-in/totp', () => refuse(401, 'wrong_code'));
  render(<App />);
  const user = userEvent.setup({ delay: null });
  await user.type(await screen.findByLabelText('E-mail'), 'mina@example.com');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await user.type(await screen.findByLabelText('Code'), '123 456');
  await user.click(screen.getByRole('button', { name: 'Go on' }));
  expect(await screen.findByText(/That code is wrong/)).toBeTruthy();
  expect(api.last('POST /api/v1/auth/sign-in/totp')).toEqual({ code: '123456' });
});

it('shows a page of its own for an address that is nothing', async () => {
  window.history.pushState({}, '', '/no/such/page');
  render(<App />);
  expect(await screen.findByText('There is no such page')).toBeTruthy();
});

it('has no team of others, and says so', async () => {
  api.signedIn('owner');
  window.history.pushState({}, '', '/teams/team_of_others/keys');
  render(<App />);
  expect(await screen.findByText('There is no such team')).toBeTruthy();
});

it('says that the control plane is away while what was read stays', async () => {
  api.signedIn('owner');
  window.history.pushState({}, '', '/teams/team_1/members');
  api.on('GET /api/v1/teams/team_1/members', () => refuse(503, 'control_unavailable'));
  api.on('GET /api/v1/teams/team_1/invitations', () => ({ data: [], next: null }));
  render(<App />);
  expect(await screen.findByText(/The control plane does not answer\. Requests/, undefined, { timeout: 4000 })).toBeTruthy();
  expect(screen.getByRole('heading', { level: 1, name: 'Members' })).toBeTruthy();
});
