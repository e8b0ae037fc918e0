import { Badge, Button, Group, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { meQuery, useMe } from '~/session/me';
import { Confirm } from '~/ui/confirm';
import { CopyLine } from '~/ui/copy';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Qr } from '~/ui/qr';

import { useBeginTotp, useConfirmTotp, useDropTotp, useRecoveryCodes } from './api';
import css from './profile.module.css';
import { RecoveryCodes } from './recovery-codes';

/** The second factor: off, being set up (its secret is shown once), or on. */
export function TotpPanel() {
  const { t } = useWords();
  const { user } = useMe();
  const client = useQueryClient();
  const begin = useBeginTotp();
  const [codes, setCodes] = useState<string[] | null>(null);
  const refresh = () => void client.invalidateQueries({ queryKey: meQuery.queryKey });
  const ended = (made: string[] | null) => {
    begin.reset();
    setCodes(made);
    refresh();
  };
  const on = user.factors.includes('totp');
  return (
    <Panel title={t('profile:totp.title')} note={t('profile:totp.note')}>
      {codes !== null ? (
        <RecoveryCodes codes={codes} onDone={() => setCodes(null)} />
      ) : begin.data !== undefined ? (
        <SetUp secret={begin.data.secret} uri={begin.data.uri} onDone={ended} />
      ) : on ? (
        <On onCodes={setCodes} onOff={refresh} />
      ) : (
        <>
          <div className={css.state}>
            <Badge variant="light" color="gray" tt="none">
              {t('profile:totp.off')}
            </Badge>
            <Button loading={begin.isPending} onClick={() => begin.mutate()}>
              {t('profile:totp.setUp')}
            </Button>
          </div>
          <FormError error={begin.error} />
        </>
      )}
    </Panel>
  );
}

function On({ onCodes, onOff }: { onCodes: (codes: string[] | null) => void; onOff: () => void }) {
  const { t } = useWords();
  const notices = useNotices();
  const [asked, setAsked] = useState(false);
  const drop = useDropTotp();
  const renew = useRecoveryCodes();
  return (
    <div className={css.state}>
      <Badge variant="light" color="brand" tt="none">
        {t('profile:totp.on')}
      </Badge>
      <Group gap="xs">
        <Button
          variant="default"
          loading={renew.isPending}
          onClick={() =>
            renew.mutate(undefined, {
              onSuccess: (answer) => onCodes(answer.recovery_codes),
              onError: notices.failed,
            })
          }
        >
          {t('profile:totp.newCodes')}
        </Button>
        <Button variant="default" onClick={() => setAsked(true)}>
          {t('profile:totp.turnOff')}
        </Button>
      </Group>
      {asked && (
        <Confirm
          title={t('profile:totp.offTitle')}
          consequence={t('profile:totp.offConsequence')}
          action={t('profile:totp.turnOff')}
          busy={drop.isPending}
          error={drop.error}
          onConfirm={() =>
            drop.mutate(undefined, {
              onSuccess: () => {
                notices.done(t('profile:totp.offDone'));
                setAsked(false);
                onOff();
              },
            })
          }
          onClose={() => setAsked(false)}
        />
      )}
    </div>
  );
}

interface SetUpProps {
  secret: string;
  uri: string;
  /** With the recovery codes, where there were none before; null when it was given up. */
  onDone: (codes: string[] | null) => void;
}

function SetUp({ secret, uri, onDone }: SetUpProps) {
  const { t } = useWords();
  const notices = useNotices();
  const [code, setCode] = useState('');
  const confirm = useConfirmTotp();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm.mutate(code.replaceAll(' ', ''), {
      onSuccess: (answer) => {
        notices.done(t('profile:totp.onDone'));
        onDone(answer.recovery_codes ?? null);
      },
    });
  };
  return (
    <div className={css.setUp}>
      <Qr value={uri} label={t('profile:totp.qr')} />
      <div>
        <p className={css.note}>{t('profile:totp.scan')}</p>
        <CopyLine value={secret} label={t('profile:totp.copySecret')} />
        <form onSubmit={submit} className={css.form}>
          <TextInput
            label={t('profile:totp.code')}
            inputMode="numeric"
            autoComplete="one-time-code"
            maxLength={7}
            value={code}
            onChange={(event) => setCode(event.currentTarget.value)}
          />
          <FormError error={confirm.error} />
          <Group>
            <Button type="submit" loading={confirm.isPending} disabled={code.trim() === ''}>
              {t('profile:totp.confirm')}
            </Button>
            <Button variant="default" onClick={() => onDone(null)}>
              {t('app:action.cancel')}
            </Button>
          </Group>
        </form>
      </div>
    </div>
  );
}
