import { Anchor, Button, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { FormError } from '~/ui/form-error';

import { useSecondFactor } from './api';
import { FormHead } from './form-head';

/** The password was right; now the code of the authenticator, or one of the recovery codes. */
export function SecondFactor({ onDone, onBack }: { onDone: () => void; onBack: () => void }) {
  const { t } = useWords();
  const [code, setCode] = useState('');
  const prove = useSecondFactor();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    prove.mutate(code.replaceAll(' ', ''), { onSuccess: onDone });
  };
  return (
    <>
      <FormHead title={t('auth:second.title')} lead={t('auth:second.lead')} />
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput
            label={t('auth:second.code')}
            value={code}
            onChange={(event) => setCode(event.currentTarget.value)}
            autoComplete="one-time-code"
            inputMode="numeric"
            required
            withAsterisk={false}
            data-autofocus
            ref={(input) => input?.focus()}
          />
          <FormError error={prove.error} />
          <Button type="submit" size="md" loading={prove.isPending}>
            {t('auth:second.action')}
          </Button>
          <Anchor component="button" type="button" size="sm" onClick={onBack} ta="center">
            {t('auth:second.back')}
          </Anchor>
        </Stack>
      </form>
    </>
  );
}
