import type { Step } from '../fakes/git-repos.ts';

/** The repositories of the go command's own tests (cmd/go/testdata/vcstest), rebuilt; by the import path of their root. */
export const scripts: Readonly<Record<string, readonly Step[]>> = {
  'github.com/rsc/vgotest1': [
    {
      commit: 'plain',
      files: { LICENSE: 'all rights', 'README.md': 'read', 'pkg/p.go': 'package p\n' },
      time: '2018-02-19T23:10:06Z',
      tags: ['v0.0.0', 'v1.0.0', 'mytag'],
    },
    { commit: 'two', on: 'two', parents: ['plain'], time: '2018-07-19T01:21:27Z', tags: ['v2.0.0'] },
    {
      commit: 'submod',
      files: { 'submod/go.mod': 'module "github.com/vgotest1/submod" // submod/go.mod\n' },
      time: '2018-02-19T23:12:07Z',
      tags: ['submod/v1.0.4', 'v1.0.1'],
    },
    {
      commit: 'root',
      files: { 'go.mod': 'module "github.com/rsc/vgotest1" // root go.mod\n' },
      time: '2018-02-19T23:13:36Z',
      tags: ['v1.1.0'],
    },
    {
      commit: 'v2 at the root',
      files: { 'go.mod': 'module "github.com/rsc/vgotest1/v2" // root go.mod\n' },
      time: '2018-02-19T23:14:23Z',
      tags: ['v2.0.1', 'v2.0.2'],
    },
    {
      commit: 'v2 below, by another name',
      files: {
        'go.mod': 'module "github.com/rsc/vgotest1"\n',
        'v2/go.mod': 'module "github.com/rsc/vgotest"\n',
      },
      time: '2018-02-19T23:16:04Z',
      tags: ['v2.0.3'],
    },
    {
      commit: 'v2 twice',
      files: {
        'go.mod': 'module "github.com/rsc/vgotest1/v2"\n',
        'v2/go.mod': 'module "github.com/rsc/vgotest1/v2"\n',
      },
      time: '2018-02-20T00:03:38Z',
      tags: ['v2.0.4'],
    },
    {
      commit: 'v2 below',
      files: {
        'go.mod': 'module "github.com/rsc/vgotest1"\n',
        'v2/go.mod': 'module "github.com/rsc/vgotest1/v2" // v2/go.mod\n',
      },
      time: '2018-02-20T00:03:59Z',
      tags: ['v2.0.5'],
    },
    { commit: 'newest', files: { 'go.mod': 'module "github.com/rsc/vgotest1/v2"\n' } },
  ],
  'example.com/git/gitrepo1': [
    { commit: 'read', files: { README: '' }, time: '2018-04-17T19:43:22Z', tags: ['v1.2.3'] },
    { commit: 'two', on: 'v2', parents: ['read'], files: { v2: 'v2' }, tags: ['v2.3', 'v2.0.1'] },
    { branch: 'v2.3.4', at: 'two' },
    { commit: 'intermediate', on: 'v2', files: { 'foo.txt': 'intermediate' } },
    { commit: 'another', on: 'v2', files: { 'another.txt': 'another' }, tags: ['v2.0.2'] },
    { tag: 'v1.2.4-annotated', at: 'read', message: 'v1.2.4-annotated' },
  ],
  'example.com/git/semver-branch.git': [
    { commit: 'add', files: { 'go.mod': 'module example.com/git/semver-branch.git\n' }, tags: ['v0.1.0'] },
    { branch: 'v2.0.0', at: 'add' },
    { commit: 'toward', on: 'v1.0.0', parents: ['add'], files: { 'pkg/pkg.go': 'package pkg\n' } },
    { commit: 'devel', on: 'v3.0.0-devel', parents: ['toward'], tags: ['v4.0.0-beta.1'] },
  ],
  'example.com/git/v2sub.git': [
    { commit: 'both', files: { 'v2/go.mod': 'module example.com/git/v2sub.git/v2\n' }, tags: ['v2.0.0'] },
    { commit: 'readme', files: { 'README.txt': 'no go.mod' }, time: '2022-02-22T20:55:07Z' },
  ],
  'example.com/git/odd-tags.git': [
    {
      commit: 'initial',
      files: { 'README.txt': 'no go.mod' },
      time: '2022-02-23T18:48:02Z',
      tags: ['v2.0.0+incompatible'],
    },
    {
      commit: 'migrate',
      files: { 'go.mod': 'module example.com/git/odd-tags.git\n' },
      time: '2022-02-23T18:48:35Z',
      tags: ['v0.1.0+build-metadata'],
    },
    {
      commit: 'three',
      on: 'v3-dev',
      parents: ['migrate'],
      files: { 'go.mod': 'module example.com/git/odd-tags.git/v3\n' },
      tags: ['v3.0.0-20220223184802-12d19af20458'],
    },
  ],
  'gopkg.in/yaml.v2': [
    { commit: 'first', files: { 'yaml.go': 'package yaml\n' }, tags: ['v1.0.0', 'v2.0.0'] },
    { commit: 'untagged', time: '2018-01-09T11:43:31Z' },
  ],
  'gopkg.in/natefinch/lumberjack.v2': [
    {
      commit: 'one',
      files: { 'a.go': 'package lumberjack\n' },
      time: '2017-05-31T16:03:50Z',
      tags: ['v2.1'],
    },
  ],
  'example.com/git/commit-after-tag.git': [
    { commit: 'one', files: { 'go.mod': 'module example.com/git/commit-after-tag.git\n' }, tags: ['v1.0.0'] },
    { commit: 'two', time: '2019-07-15T21:17:27Z' },
  ],
  'example.com/git/no-tags.git': [
    { commit: 'one', files: { 'a.go': 'package a\n' }, time: '2019-07-15T21:20:47Z' },
  ],
  'example.com/git/empty.git': [],
};
