import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';

import { useWords } from '~/i18n/use-words';
import { api } from '~/api/client';
import { FormError } from '~/ui/form-error';
import { IconMailCheck } from '~/ui/icons';
import { useNotices } from '~/ui/notices';

import { FormHead } from './form-head';
import { useMailToken } from './mail-token';

/** A press, not the visit, uses the link: mail scanners visit every link they see. */
export function VerifyEmailPage() {
  const { t } = useWords();
  const token = useMailToken();
  const navigate = useNavigate();
  const notices = useNotices();
  const verify = useMutation({
    mutationFn: () => api.post('/api/v1/auth/verify-email', { body: { token: token ?? '' } }),
    onSuccess: async () => {
      notices.done(t('auth:verify.done'));
      await navigate({ to: '/sign-in', replace: true });
    },
  });
  return (
    <>
      <FormHead title={t('auth:verify.title')} lead={t('auth:verify.lead')} />
      <FormError error={verify.error} />
      <Button
        size="md"
        mt="md"
        disabled={token === undefined}
        loading={verify.isPending}
        onClick={() => verify.mutate()}
        leftSection={<IconMailCheck size={18} />}
      >
        {t('auth:verify.action')}
      </Button>
    </>
  );
}
