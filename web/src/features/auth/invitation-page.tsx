import { Button, Stack } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';

import { useWords } from '~/i18n/use-words';
import { api } from '~/api/client';
import { meQuery, useForget } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { LinkButton, TextLink } from '~/ui/link';
import { Loading } from '~/ui/states';

import { FormHead } from './form-head';
import { forgetInvitation, useInvitationToken } from './mail-token';

/** Who is signed in joins with a press; who is not signs in or up first, and comes back here. */
export function InvitationPage() {
  const { t } = useWords();
  const token = useInvitationToken();
  const { data: me, isPending } = useQuery(meQuery);
  const navigate = useNavigate();
  const forget = useForget();
  const accept = useMutation({
    mutationFn: () => api.post('/api/v1/invitations/accept', { body: { token: token ?? '' } }),
    onSuccess: async (joined) => {
      forgetInvitation();
      await forget();
      await navigate({ to: '/teams/$teamId', params: { teamId: joined.team_id }, replace: true });
    },
  });
  if (isPending) return <Loading />;
  if (me == null) {
    return (
      <>
        <FormHead title={t('auth:invitation.title')} lead={t('auth:invitation.strangerLead')} />
        <Stack gap="sm">
          <LinkButton to="/sign-up" hash={`token=${token ?? ''}`} size="md">
            {t('auth:invitation.signUp')}
          </LinkButton>
          <LinkButton
            to="/sign-in"
            search={{ next: '/invitations/accept' }}
            variant="default"
            size="md"
          >
            {t('auth:invitation.signIn')}
          </LinkButton>
        </Stack>
      </>
    );
  }
  return (
    <>
      <FormHead title={t('auth:invitation.title')} lead={t('auth:invitation.lead', { email: me.user.email })} />
      <Stack gap="sm">
        <FormError error={accept.error} />
        <Button size="md" disabled={token === undefined} loading={accept.isPending} onClick={() => accept.mutate()}>
          {t('auth:invitation.accept')}
        </Button>
        <TextLink to="/" size="sm" ta="center">
          {t('auth:invitation.later')}
        </TextLink>
      </Stack>
    </>
  );
}
