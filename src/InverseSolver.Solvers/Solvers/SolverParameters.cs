using System.Text.Json.Serialization;

namespace InverseSolver.Solvers.Solvers;

/// <summary>The parameters of one solver. Ranges stand as validation attributes on its properties; its defaults are the preset <c>balanced</c>.</summary>
public abstract record SolverParameters
{
    /// <summary>Images that a run solves together.</summary>
    [JsonIgnore] public virtual int Batch => 1;
}
