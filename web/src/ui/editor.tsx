import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState } from '@codemirror/state';
import { EditorView, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { getNonce } from 'get-nonce';
import { useEffect, useRef } from 'react';

export interface EditorProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  readOnly?: boolean;
}

const LOOK = EditorView.theme({
  '&': { fontSize: '0.8125rem', border: '1px solid var(--og-line)', borderRadius: '0.5rem', backgroundColor: 'var(--og-ground)', color: 'var(--mantine-color-text)' },
  '&.cm-focused': { outline: '2px solid var(--mantine-color-brand-5)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'var(--og-font-mono)', lineHeight: '1.6', minHeight: '14rem', maxHeight: '26rem' },
  '.cm-content': { caretColor: 'var(--mantine-color-text)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--mantine-color-dimmed)', border: '0' },
  '&.cm-focused .cm-selectionBackground, ::selection': { backgroundColor: 'var(--mantine-color-brand-light-hover)' },
});
const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--mantine-color-anchor)' },
  { tag: tags.string, color: 'var(--og-good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--og-warn)' },
]);

/** Text of a program; loaded only by what edits some (`LazyEditor`). Tab leaves it, as of any other field. */
export function Editor({ label, value, onChange, readOnly = false }: EditorProps) {
  const frame = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const heard = useRef(onChange);
  const fixed = useRef(new Compartment());
  const first = useRef({ label, value, readOnly });
  useEffect(() => {
    heard.current = onChange;
  }, [onChange]);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const begin = first.current;
    const made = new EditorView({
      parent: frame.current,
      state: EditorState.create({
        doc: begin.value,
        extensions: [
          EditorView.cspNonce.of(getNonce() ?? ''),
          lineNumbers(),
          history(),
          indentOnInput(),
          bracketMatching(),
          json(),
          syntaxHighlighting(COLOURS),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': begin.label }),
          fixed.current.of(EditorState.readOnly.of(begin.readOnly)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) heard.current(update.state.doc.toString());
          }),
          LOOK,
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    view.current?.dispatch({ effects: fixed.current.reconfigure(EditorState.readOnly.of(readOnly)) });
  }, [readOnly]);
  return <div ref={frame} />;
}
