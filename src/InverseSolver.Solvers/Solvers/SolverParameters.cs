namespace InverseSolver.Solvers.Solvers;

/// <summary>The parameters of one solver. Ranges stand as validation attributes on its properties; its defaults are the preset <c>balanced</c>.</summary>
public abstract record SolverParameters;
