import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** Not to be imported: their members are seen in what is made of them. */
const BASES = ['Optional', 'StoreAnswerError', 'StoreOptions'];

/** The types of ours that a door's declarations name and that the door does not let out, each with where it is named. */
function unreachable(door: string): string[] {
  const file = `${dist}${door}.d.ts`;
  const { NodeNext } = ts.ModuleKind;
  const program = ts.createProgram([file], {
    module: NodeNext,
    noLib: true,
    types: [],
    target: ts.ScriptTarget.ES2023,
  });
  const checker = program.getTypeChecker();
  const symbolAt = (node: ts.Node): ts.Symbol | undefined => {
    const symbol = checker.getSymbolAtLocation(node);
    return symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  };
  const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile) as ts.Symbol;
  const out = new Set(
    checker.getExportsOfModule(module).map((s) => (s.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(s) : s)),
  );
  const found: string[] = [];
  const isOurs = (node: ts.Node) => node.getSourceFile().fileName.startsWith(dist);
  for (const symbol of out) {
    const visit = (node: ts.Node): void => {
      const named = ts.isIdentifier(node) && !ts.isDeclarationStatement(node.parent) ? symbolAt(node) : undefined;
      const declaration = named?.declarations?.[0];
      const isType =
        declaration &&
        (ts.isInterfaceDeclaration(declaration) ||
          ts.isTypeAliasDeclaration(declaration) ||
          ts.isClassDeclaration(declaration));
      if (named && isType && isOurs(declaration) && !out.has(named)) found.push(`${symbol.name}: ${named.name}`);
      ts.forEachChild(node, visit);
    };
    symbol.declarations?.filter(isOurs).forEach(visit);
  }
  expect(out.size).toBeGreaterThan(5);
  return [...new Set(found)].filter((each) => !BASES.some((base) => each.endsWith(`: ${base}`)));
}

it.each(['index', 'obs-client'])(
  'every type that a public signature of %s names can be imported from there',
  (door) => {
    expect(unreachable(door)).toEqual([]);
  },
);
