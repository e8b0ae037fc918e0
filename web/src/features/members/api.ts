import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Member = components['schemas']['MemberView'];
export type Invitation = components['schemas']['InvitationView'];
export type Role = components['schemas']['TeamRole'];

const PAGE = 100;
const OPEN = new Set(['waiting', 'expired']);
const MEMBERS = '/api/v1/teams/{team_id}/members';
const INVITATIONS = '/api/v1/teams/{team_id}/invitations';
const membersOf = (teamId: string) => ['team', teamId, 'members'];
const invitationsOf = (teamId: string) => ['team', teamId, 'invitations'];

export function useMembers(teamId: string) {
  return useInfiniteQuery({
    queryKey: membersOf(teamId),
    queryFn: ({ signal, pageParam }) =>
      api.get(MEMBERS, { signal, path: { team_id: teamId }, query: { limit: PAGE, after: pageParam } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}

export function useInvitations(teamId: string, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: invitationsOf(teamId),
    enabled,
    queryFn: ({ signal, pageParam }) =>
      api.get(INVITATIONS, { signal, path: { team_id: teamId }, query: { limit: PAGE, after: pageParam } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    // Those that were taken or taken back are history.
    select: (pages) => pages.pages.flatMap((page) => page.data).filter((each) => OPEN.has(each.state)),
  });
}

function useChange<Input, Result>(key: string[], change: (input: Input) => Promise<Result>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => client.invalidateQueries({ queryKey: key }) });
}

export const useInvite = (teamId: string) =>
  useChange(invitationsOf(teamId), (body: { email: string; role: Role }) =>
    api.post(INVITATIONS, { path: { team_id: teamId }, body }),
  );

export const useResend = (teamId: string) =>
  useChange(invitationsOf(teamId), (invitation: Invitation) =>
    api.post(`${INVITATIONS}/{invitation_id}/resend`, {
      path: { team_id: teamId, invitation_id: invitation.id },
    }),
  );

export const useRevokeInvitation = (teamId: string) =>
  useChange(invitationsOf(teamId), (invitation: Invitation) =>
    api.delete(`${INVITATIONS}/{invitation_id}`, {
      path: { team_id: teamId, invitation_id: invitation.id },
    }),
  );

export const useChangeRole = (teamId: string) =>
  useChange(membersOf(teamId), ({ member, role }: { member: Member; role: Role }) =>
    api.patch(`${MEMBERS}/{user_id}`, {
      path: { team_id: teamId, user_id: member.user_id },
      body: { role },
      version: member.version,
    }),
  );

export const useRemoveMember = (teamId: string) =>
  useChange(membersOf(teamId), (member: Member) =>
    api.delete(`${MEMBERS}/{user_id}`, { path: { team_id: teamId, user_id: member.user_id } }),
  );

export const useLeave = (teamId: string) =>
  useMutation({
    mutationFn: () => api.post('/api/v1/teams/{team_id}/leave', { path: { team_id: teamId } }),
  });
