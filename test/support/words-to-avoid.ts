/** Words that read as if they were translated or come from elsewhere, each with what to write instead. */
const WORDS: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/\bbesides?\b/i, 'next to, in addition to'],
  [/\b(?:is|are|was|were) over\b/i, 'ended, expired, finished'],
  [/(?<!\bthere )\b(?:is|are) no\b(?! longer\b)/i, 'is not a, has no'],
  [/\bby (?:itself|themselves)\b/i, 'automatically'],
  [/\btak(?:es?|en|ing) away\b/i, 'remove'],
  [/\bknown here\b/i, 'recognized'],
  [/\b(?:is|are|was|were|gets?) (?:not )?let in\b/i, 'can sign in, has access'],
  [/\bput it in(?:to)?\b/i, 'paste it into'],
  [/\bso long\b/i, 'how long, while'],
  [/\bwhoever\b/i, 'anyone who'],
  [/\bnobody\b/i, 'no one, or say what does not happen'],
  [/(?:^|[.:] )Who (?!are\b|is\b)[^.?]*\b(?:is|are|has|have|can|came)\b[^?]*$/, 'name the people'],
  [/\bset-up\b/i, 'setup (noun), set up (verb)'],
  [/\be-mails?\b/i, 'email'],
  [/\b(?:log|sign)[- ]?on\b|\blog in\b/i, 'sign in (verb), sign-in (noun)'],
  [/\bids?\b/, 'ID'],
  [/\b(?:please|simply|successfully)\b/i, 'nothing'],
  [/\b(?:e\.g\.|i\.e\.|etc\.)/, 'for example, that is, and so on'],
  [
    /\b(?:colour|behaviour|neighbour|honour|favour|organis(?!m)|recognis|authoris|summaris|centre|licence|defence|catalogue|misspelt|cancelled|labelled|grey)\w*/i,
    'the American spelling',
  ],
];

/** What a line of prose should not say, each as `"given", better: instead`. Code and links must be taken out before. */
export function wordsToAvoidIn(line: string): string[] {
  return WORDS.flatMap(([word, instead]) => {
    const [given] = word.exec(line) ?? [];
    return given === undefined ? [] : [`"${given.trim()}", better: ${instead}`];
  });
}
