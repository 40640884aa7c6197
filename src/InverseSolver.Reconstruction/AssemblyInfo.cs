using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("InverseSolver.UnitTests")]
