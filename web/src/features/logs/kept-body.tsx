import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';

import { Problem } from '~/api/problem';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { When } from '~/ui/amounts';
import { CodeBlock } from '~/ui/copy';
import { Facts } from '~/ui/facts';
import { IconEye, IconLock } from '~/ui/icons';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type BodyPart, useKeptBody } from './api';

/** Nobody reads somebody's words by accident: they come when they are asked for, and that is audited. */
export function KeptBody({ requestId, replay }: { requestId: string; replay: ReactNode }) {
  const { t } = useWords();
  const team = useTeam();
  const [shown, setShown] = useState(false);
  const body = useKeptBody(requestId, shown);
  if (!team.may('logs.bodies.read')) return null;
  const missing = body.error instanceof Problem && body.error.status === 404;
  return (
    <Panel title={t('logs:body.title')} note={t('logs:body.note')} action={body.data === undefined ? undefined : replay}>
      {!shown ? (
        <Button variant="default" leftSection={<IconEye size={16} />} onClick={() => setShown(true)}>
          {t('logs:body.reveal')}
        </Button>
      ) : missing ? (
        <Empty icon={<IconLock />} title={t('logs:body.none')} text={t('logs:body.noneText')} />
      ) : (
        <Loaded query={body} rows={3}>
          {(kept) => (
            <>
              <Part name={t('logs:body.request')} part={kept.request} />
              <Part name={t('logs:body.response')} part={kept.response} />
              <Facts
                rows={[
                  [t('logs:body.redactions'), kept.redactions],
                  [t('logs:body.until'), <When key="u" ns={kept.kept_until_ns} />],
                ]}
              />
            </>
          )}
        </Loaded>
      )}
    </Panel>
  );
}

/** As it was, with its lines broken where it is JSON. */
function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Part({ name, part }: { name: string; part: BodyPart }) {
  const { t } = useWords();
  return (
    <div>
      <h3>{part.truncated ? t('logs:body.cut', { name }) : name}</h3>
      <CodeBlock label={name} code={readable(part.text)} />
    </div>
  );
}
