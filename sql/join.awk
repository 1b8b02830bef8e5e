# Joins the parts of the extension's script.  A line @TABLES@ or @VIEWS@ is replaced by the files
# named in the variable of that name; each has to occur exactly once.
function paste(files,    name, n, i, line)
{
	n = split(files, name, " ")
	for (i = 1; i <= n; i++)
	{
		while ((getline line < name[i]) > 0)
			print line
		close(name[i])
	}
}
$0 == "@TABLES@" { paste(tables); seen_tables++; next }
$0 == "@VIEWS@"  { paste(views); seen_views++; next }
{ print }
END {
	if (seen_tables != 1 || seen_views != 1)
	{
		print "join.awk: @TABLES@ and @VIEWS@ must each stand once, alone on a line" > "/dev/stderr"
		exit 1
	}
}
