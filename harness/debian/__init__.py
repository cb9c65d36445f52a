# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's archive, for kernel sources and for what runs in a guest.

Belongs here: apt that touches nothing of the system's, package files, and the closure of a program's
libraries. Does not belong here: what a package is good for. It stands below source/ and engine/.
"""
