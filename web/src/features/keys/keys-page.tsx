import { Button, Switch } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useMe, useTeam } from '~/session/me';
import { IconKey, IconPlus } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Issued, type Key, useKeys } from './api';
import { KeyDialogs, type Asked } from './key-dialogs';
import { KeyDrawer } from './key-drawer';
import { KeyTable } from './key-table';
import { stateOf } from './key-values';
import { SecretModal } from './secret-modal';

/** The team's keys. Who may not touch another's keys sees them all the same. */
export function KeysPage() {
  const { t } = useWords();
  const team = useTeam();
  const me = useMe();
  const notices = useNotices();
  const keys = useKeys(team.id);
  const [drawer, setDrawer] = useState<{ edited: Key | null } | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [secret, setSecret] = useState<{ issued: Issued; name: string } | null>(null);
  const [withRevoked, setWithRevoked] = useState(false);

  const create = team.may('keys.create') ? (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setDrawer({ edited: null })}>
      {t('keys:create.open')}
    </Button>
  ) : undefined;
  const mayChange = (key: Key) => team.may('keys.any') || (team.may('keys.create') && key.created_by === me.user.id);
  const issued = (made: Issued, name: string) => {
    setDrawer(null);
    setAsked(null);
    setSecret({ issued: made, name });
  };
  return (
    <Page title={t('keys:title')} lead={t('keys:lead')} actions={create}>
      <Panel flush>
        <Loaded query={keys}>
          {(all) => {
            const revoked = all.filter((key) => stateOf(key) === 'revoked').length;
            const shown = withRevoked ? all : all.filter((key) => stateOf(key) !== 'revoked');
            return (
              <>
                {shown.length === 0 ? (
                  <Empty icon={<IconKey />} title={t('keys:empty.title')} text={t('keys:empty.text')} action={create} />
                ) : (
                  <KeyTable
                    keys={shown}
                    mayChange={mayChange}
                    onEdit={(key) => setDrawer({ edited: key })}
                    onAsk={setAsked}
                    more={
                      keys.hasNextPage
                        ? { load: () => void keys.fetchNextPage(), loading: keys.isFetchingNextPage }
                        : undefined
                    }
                  />
                )}
                {revoked > 0 && (
                  <Switch
                    px="md"
                    py="sm"
                    size="xs"
                    label={t('keys:showRevoked', { count: revoked })}
                    checked={withRevoked}
                    onChange={(event) => setWithRevoked(event.currentTarget.checked)}
                  />
                )}
              </>
            );
          }}
        </Loaded>
      </Panel>
      {drawer !== null && (
        <KeyDrawer
          edited={drawer.edited}
          onIssued={issued}
          onSaved={(name) => {
            setDrawer(null);
            notices.done(t('keys:edit.done', { name }));
          }}
          onClose={() => setDrawer(null)}
        />
      )}
      {asked !== null && <KeyDialogs asked={asked} onIssued={issued} onClose={() => setAsked(null)} />}
      {secret !== null && (
        <SecretModal name={secret.name} secret={secret.issued.key ?? ''} onClose={() => setSecret(null)} />
      )}
    </Page>
  );
}
